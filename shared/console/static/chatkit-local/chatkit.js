// What a page loads, in the way in which it loads OpenAI's script of the same name: a classic script
// that defines <openai-chatkit> once its modules have come, which is some time after its `load` event.

import(new URL("element.js", document.currentScript.src));
