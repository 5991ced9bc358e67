"""The offline model's longer texts. They claim nothing that it cannot know."""

STORY = """\
# The word that did not wait

A model once had a long answer to give. It could have written all of it first and sent it then. \
The reader would have looked at an empty page for fifteen seconds and thought that something was \
broken. So the model let the first word go as soon as it had it.

## The way

The first word was called *Once*. It had four stops to make:

1. The **agent runner** took it and said: this is a piece of a message.
2. The **server** wrapped it in an event, with the number of the message that it belongs to.
3. The **network** carried it, and kept it for nobody.
4. The **page** found the message with that number and put the word at its end.

Behind it came the second word, and the third. None of them knew how long the answer would be.

## What it wore

On the network the word wore a plain coat, one line with an empty line after it:

```text
data: {"type":"thread.item.updated","item_id":"msg_1","update":{"type":\
"assistant_message.content_part.text_delta","content_index":0,"delta":"Once "}}

```

## The dangers

| Who stands in the way           | What happens                | What helps                 |
| ------------------------------- | --------------------------- | -------------------------- |
| A proxy that collects           | all words arrive together   | `X-Accel-Buffering: no`    |
| A model that never gives way    | all words arrive together   | an `await` between words   |
| A reader who leaves             | words go on for nobody      | stop the run               |
| A reader who stays silent long  | the connection is closed    | a heartbeat now and then   |

The third danger was the worst. One day a reader closed the page in the middle of a sentence. \
Nobody told the model. It wrote on, word after word, and each of them was paid for. From then on \
the server listened for the door, and when it fell shut, it told the model to stop.

## The end

- The last word arrived, and after it an event that said: **this message is done**.
- The server wrote the message down, so that it would still be there tomorrow.
- The page stopped its little blinking line.

And the word *Once*, which had gone first, was still where it had been put: at the beginning.\
"""

STREAMING = """\
An answer reaches this page in three steps. Each is an event of its own on the network.

1. `thread.item.added`: an empty message with its id. The page makes room for it.
2. `thread.item.updated` with a `text_delta`: one piece of text, for the message with that id. \
This comes many times.
3. `thread.item.done`: the whole message. The server stores this one, and the page \
puts it in the place of all the pieces.

The pieces are only for the eye. If one is lost, the last event still has the whole text.\
"""
