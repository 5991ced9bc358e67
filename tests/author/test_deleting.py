"""A conversation that is deleted while its answer is on its way does not come back."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from checkpoints.engine.client import ChatKit
from checkpoints.engine.identity import Identity
from checkpoints.engine.lockstep import eventually
from checkpoints.engine.provider import CallTools, Gate, Provider, Say, ToolUse
from checkpoints.engine.server import StudentServer
from checkpoints.engine.warm import make_starter
from checkpoints.lesson import CHECKPOINTS, folder_name

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [5, 6, 7])
async def test_what_is_deleted_stays_deleted(number: int) -> None:
    starter = make_starter()
    async with Provider() as model, Identity() as identity:
        settings = {**model.environment, **identity.environment}
        server = StudentServer(CHECKPOINTS / folder_name(number) / "app", starter, settings)
        try:
            await server.start()
            async with httpx.AsyncClient(
                base_url=server.base_url, timeout=30, trust_env=False
            ) as http:
                alice = ChatKit(http, "/chatkit", "alice", identity.token("alice"))
                await _delete_in_the_middle(alice, model)
        finally:
            await server.close()
            starter.close()


async def _delete_in_the_middle(alice: ChatKit, model: Provider) -> None:
    model.reply(lambda call: Say("Good."))
    await alice.post(alice.message("Remember something."))
    listed = await alice.ask("threads.list", limit=1)
    thread = listed["data"][0]["id"]
    gate = Gate()
    learns = ToolUse("remember_fact", {"kind": "preference", "name": "colour", "value": "blue"})
    model.forget()
    model.reply(lambda call: Say("Done.") if call.tool_outputs else CallTools([learns], gate))
    answering = asyncio.create_task(alice.post(alice.message("My colour is blue.", thread)))
    assert await eventually(lambda: bool(model.calls))
    await alice.ask("threads.delete", thread_id=thread)
    gate.open()
    await answering
    listed = await alice.ask("threads.list", limit=1)
    assert listed["data"] == []
