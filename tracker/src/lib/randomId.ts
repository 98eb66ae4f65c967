/** 128 random bits as short text. `randomUUID` would need a secure context, this does not. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('');
