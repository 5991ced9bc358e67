// Slow networks, to be tried out without one: a `fetch` that delays what it got.

/** `latency` in milliseconds before the headers, `rate` in bytes a second, `buffered` holds all. */
export const NETWORKS = {
  full: { label: "Full speed" },
  mobile: { label: "Mobile, 300 ms", latency: 300, rate: 40_000 },
  slow: { label: "Slow, 2 kB/s", latency: 800, rate: 2_000 },
  proxy: { label: "Proxy that buffers", buffered: true },
};

const SLICES = 20; // pieces a second into which slow data is cut

/** `network()` is asked at the start of each request. */
export function throttled(inner, network) {
  return async (input, init) => {
    const { latency = 0, rate = Infinity, buffered = false } = NETWORKS[network()];
    if (latency) await sleep(latency, init?.signal);
    const response = await inner(input, init);
    if (!response.body || (rate === Infinity && !buffered)) return response;
    const body = response.body.pipeThrough(buffered ? holdAll() : trickle(rate, init?.signal));
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  };
}

function trickle(rate, signal) {
  const size = Math.max(1, Math.ceil(rate / SLICES));
  return new TransformStream({
    async transform(chunk, controller) {
      for (let start = 0; start < chunk.length; start += size) {
        const slice = chunk.subarray(start, start + size);
        await sleep((slice.length / rate) * 1000, signal);
        controller.enqueue(slice);
      }
    },
  });
}

/** What a proxy does that waits for the end: nothing arrives, then everything. */
function holdAll() {
  const held = [];
  return new TransformStream({
    transform: (chunk) => void held.push(chunk),
    async flush(controller) {
      controller.enqueue(new Uint8Array(await new Blob(held).arrayBuffer()));
    },
  });
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new DOMException("The request was stopped.", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}
