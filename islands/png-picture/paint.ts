/** Room around the figure, in pixels of the page. */
const MARGIN = 24;

/** What of an SVG's computed style makes its look, as attributes of the same name. */
const LOOKS = [
  'fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linejoin', 'paint-order', 'opacity',
  'font-family', 'font-size', 'font-weight', 'vector-effect', 'shape-rendering', 'display',
] as const;

/** Draws a figure of the page on a canvas: backgrounds and rules, words, drawings. */
export const paint = async (figure: HTMLElement, scale: number): Promise<HTMLCanvasElement> => {
  const frame = figure.getBoundingClientRect();
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil((frame.width + 2 * MARGIN) * scale);
  canvas.height = Math.ceil((frame.height + 2 * MARGIN) * scale);
  const context = canvas.getContext('2d');
  if (!context) return canvas;
  context.scale(scale, scale);
  context.fillStyle = getComputedStyle(document.body).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.translate(MARGIN - frame.left, MARGIN - frame.top);
  for (const element of [figure, ...figure.querySelectorAll<HTMLElement>('*')]) {
    if (element instanceof SVGElement || !isShown(element)) continue;
    box(context, element);
    for (const child of element.childNodes) if (child instanceof Text) words(context, child, element);
  }
  for (const drawing of figure.querySelectorAll<SVGSVGElement>('svg')) {
    if (drawing.parentElement?.closest('svg') || !isShown(drawing)) continue;
    const place = drawing.getBoundingClientRect();
    if (place.width && place.height) context.drawImage(await imageOf(drawing, place), place.left, place.top, place.width, place.height);
  }
  return canvas;
};

const isShown = (element: Element): boolean => {
  if (element.closest('.numbers:not([open]) > :not(summary)') || element.closest('.numbers > summary')) return false;
  if (element.closest('.hidden-visually')) return false;
  return element.checkVisibility();
};

const box = (context: CanvasRenderingContext2D, element: HTMLElement): void => {
  const style = getComputedStyle(element);
  const place = element.getBoundingClientRect();
  if (style.backgroundColor !== 'rgba(0, 0, 0, 0)') {
    context.fillStyle = style.backgroundColor;
    context.fillRect(place.left, place.top, place.width, place.height);
  }
  if (element.classList.contains('h-open')) hatch(context, place, style.color);
  const top = parseFloat(style.borderTopWidth);
  const bottom = parseFloat(style.borderBottomWidth);
  if (top) {
    context.fillStyle = style.borderTopColor;
    context.fillRect(place.left, place.top, place.width, top);
  }
  if (bottom) {
    context.fillStyle = style.borderBottomColor;
    context.fillRect(place.left, place.bottom - bottom, place.width, bottom);
  }
};

/** Draws what the style sheet draws as a gradient: this may not be used yet. */
const hatch = (context: CanvasRenderingContext2D, place: DOMRect, colour: string): void => {
  context.save();
  context.beginPath();
  context.rect(place.left, place.top, place.width, place.height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.25;
  context.lineWidth = 1;
  context.beginPath();
  for (let x = place.left - place.height; x < place.right; x += 7) {
    context.moveTo(x, place.bottom);
    context.lineTo(x + place.height, place.top);
  }
  context.stroke();
  context.restore();
};

/** Writes a text as the page broke it into lines: each run of letters on one height is a line. */
const words = (context: CanvasRenderingContext2D, text: Text, element: HTMLElement): void => {
  if (!text.data.trim()) return;
  const style = getComputedStyle(element);
  context.fillStyle = style.color;
  context.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  context.textBaseline = 'alphabetic';
  const range = document.createRange();
  let line = '';
  let place: DOMRect | undefined;
  const write = () => {
    if (!place || !line.trim()) return;
    const {fontBoundingBoxAscent: up, fontBoundingBoxDescent: down} = context.measureText(line);
    context.fillText(line, place.left, place.top + (place.height - up - down) / 2 + up);
  };
  for (let at = 0; at < text.length; at += 1) {
    range.setStart(text, at);
    range.setEnd(text, at + 1);
    const letter = range.getClientRects()[0];
    if (!letter || (letter.width === 0 && !text.data[at]?.trim())) continue;
    if (place && Math.abs(letter.top - place.top) > 2) {
      write();
      line = '';
      place = undefined;
    }
    place ??= letter;
    line += text.data[at] === '\n' ? ' ' : (text.data[at] ?? '');
  }
  write();
};

/** Makes an image of a drawing, with its look written into it: an image has no style sheet. */
const imageOf = async (drawing: SVGSVGElement, place: DOMRect): Promise<HTMLImageElement> => {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = [drawing, ...drawing.querySelectorAll<SVGElement>('*')];
  const copies = [copy, ...copy.querySelectorAll<SVGElement>('*')];
  originals.forEach((original, index) => dress(original, copies[index]));
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(place.width));
  copy.setAttribute('height', String(place.height));
  copy.setAttribute('overflow', 'visible');
  const hatch = document.getElementById('hatch');
  if (hatch && copy.innerHTML.includes('#hatch')) {
    const pattern = hatch.cloneNode(true) as SVGElement;
    const stroke = hatch.querySelector('path');
    if (stroke) dress(stroke, pattern.querySelector('path') ?? undefined);
    const defs = document.createElementNS('http://www.w3.org/2000/svg', 'defs');
    defs.append(pattern);
    copy.prepend(defs);
  }
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  return image;
};

const dress = (original: SVGElement, copy: SVGElement | undefined): void => {
  if (!copy) return;
  const style = getComputedStyle(original);
  for (const look of LOOKS) copy.setAttribute(look, style.getPropertyValue(look));
  copy.removeAttribute('class');
};
