/** The server's answers about a move, as far as the page shows them. */
export interface Preview {
  readonly made: readonly {readonly sentence: string; readonly severity: string}[];
  readonly gone: readonly {readonly sentence: string}[];
  readonly left: readonly unknown[];
  readonly refused: readonly {readonly sentence: string; readonly remedy: string}[];
  readonly slips: readonly {readonly item: string; readonly proposed: string}[];
}

/** Why something was not done: the server's own words. */
export interface Refused {
  readonly code: string;
  readonly detail: string;
  readonly reasons: readonly string[];
}

export interface Days {
  readonly start: string;
  readonly end: string | null;
  readonly version?: number;
}

export const isRefused = (answer: object): answer is Refused => 'reasons' in answer;

/** Gives each reason with what removes it: `detail` has both, one after the other. */
export const withRemedies = ({detail, reasons}: Refused): string[] => {
  const begins: number[] = [];
  for (const each of reasons) {
    const at = detail.indexOf(each, begins.at(-1) ?? 0);
    if (at < 0) return [...reasons];
    begins.push(at);
  }
  return begins.map((at, index) => detail.slice(at, begins[index + 1]).trim());
};

/** Asks the API what other days would do, or gives an item other days. */
export const ask = async (url: string, days: Days, token: string, signal?: AbortSignal): Promise<Preview | Refused> => {
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: {'Content-Type': 'application/json', 'X-CSRFToken': token},
      body: JSON.stringify(days),
      ...(signal ? {signal} : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    return {code: 'offline', detail: 'The server does not answer. Nothing was moved; try again.', reasons: []};
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body.did ?? body;
  return {
    code: body.code ?? String(answer.status),
    detail: body.detail ?? `The server answered ${answer.status}. Nothing was moved; try again.`,
    reasons: body.facts?.reasons ?? [],
  };
};
