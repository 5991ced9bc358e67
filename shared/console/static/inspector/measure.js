// Figures of one exchange, as seen by this page: the browser and this script add to each of them.

/** Milliseconds, counts and rates; null where there is nothing to measure yet. */
export function measure({ headersAt, frames, endedAt, bytes, chunks }) {
  const deltas = frames.filter((frame) => frame.delta);
  const gaps = deltas.slice(1).map((frame, index) => frame.at - deltas[index].at);
  gaps.sort((a, b) => a - b);
  const span = deltas.length > 1 ? deltas.at(-1).at - deltas[0].at : 0;
  return {
    firstByte: headersAt,
    firstEvent: frames[0]?.at ?? null,
    firstToken: deltas[0]?.at ?? null,
    gapHalf: percentile(gaps, 0.5),
    gapMost: percentile(gaps, 0.95),
    rate: span ? ((deltas.length - 1) / span) * 1000 : null,
    events: frames.length,
    total: endedAt,
    bytes,
    chunks,
  };
}

/** The value below which this share of a sorted list lies. */
export function percentile(sorted, share) {
  if (!sorted.length) return null;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** "0.4 ms", "53 ms", "1.04 s" */
export function duration(milliseconds) {
  if (milliseconds === null) return "–";
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`;
  return `${milliseconds >= 10 ? Math.round(milliseconds) : milliseconds.toFixed(1)} ms`;
}

export function size(bytes) {
  return bytes < 10_000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
