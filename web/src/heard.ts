/**
 * How many characters of an answer had been spoken by a given sample.
 *
 * The wire has no word times. It does send the words of a clause just ahead of the clause's audio, so each piece of
 * text is an anchor: it begins at the samples that had come before it. Between anchors speech is taken as even.
 */

export interface HeardMap {
  /** (characters, samples), rising in both. */
  readonly anchors: readonly (readonly [chars: number, samples: number])[];
  readonly text: string;
  readonly samples: number;
  /** All text and all audio have come. */
  readonly whole: boolean;
}

export const NOTHING_HEARD: HeardMap = { anchors: [[0, 0]], text: "", samples: 0, whole: false };

export function addText(map: HeardMap, delta: string): HeardMap {
  const last = map.anchors.at(-1) as readonly [number, number];
  const here = [map.text.length, map.samples] as const;
  const anchors = here[1] > last[1] ? [...map.anchors, here] : map.anchors;
  return { ...map, anchors, text: map.text + delta };
}

export const addAudio = (map: HeardMap, samples: number): HeardMap => ({ ...map, samples: map.samples + samples });

export const setText = (map: HeardMap, text: string): HeardMap => ({ ...map, text });

export const close = (map: HeardMap): HeardMap => ({ ...map, whole: true });

/** The length of the text heard by `samples`, cut back to the end of the last whole word (ko: eojeol). */
export function charsHeard(map: HeardMap, samples: number): number {
  if (map.samples === 0) return 0;
  if (map.whole && samples >= map.samples) return map.text.length;
  const points = [...map.anchors, [map.text.length, Math.max(map.samples, 1)] as const];
  let chars = 0;
  for (let i = 1; i < points.length; i++) {
    const [c0, s0] = points[i - 1] as readonly [number, number];
    const [c1, s1] = points[i] as readonly [number, number];
    if (samples >= s1) {
      chars = c1;
      continue;
    }
    if (samples > s0) chars = c0 + ((c1 - c0) * (samples - s0)) / (s1 - s0);
    break;
  }
  return wordEnd(map.text, Math.floor(chars));
}

/** `at`, or when it lies within a word, the end of the word before. */
function wordEnd(text: string, at: number): number {
  if (at >= text.length) return text.length;
  let end = at;
  while (end > 0 && !/\s/.test(text[end] as string)) end--;
  return end;
}
