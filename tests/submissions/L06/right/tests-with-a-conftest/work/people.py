"""Somebody with a token."""

import json

import httpx


class Person:
    def __init__(self, url, token):
        self.url, self.token = url, token

    def sends(self, operation, /, *, headers=(), **params):
        return httpx.post(
            self.url,
            json={"type": operation, "params": params},
            headers={"authorization": "Bearer " + self.token, **dict(headers)},
        )

    def begins(self, text):
        with httpx.stream(
            "POST",
            self.url,
            json={"type": "threads.create", "params": {"input": message(text)}},
            headers={"authorization": "Bearer " + self.token},
        ) as answer:
            lines = [line for line in answer.iter_lines() if line.startswith("data:")]
        return json.loads(lines[0][5:])["thread"]["id"]

    def threads(self):
        return [one["id"] for one in self.sends("threads.list").json()["data"]]

    def finds(self, thread):
        return self.sends("threads.get_by_id", thread_id=thread).json()


def message(text):
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": [], "inference_options": {}}
