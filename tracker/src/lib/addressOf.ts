/** What makes two views two pages: the URL without its fragment, or with it on sites that route by `#/…`. */
export const addressOf = (url: string, hashRoutes: boolean): string =>
  hashRoutes ? url : url.replace(/#.*/, '');
