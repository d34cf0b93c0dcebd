// A picture of few cells that one can draw on, by pointer or by keyboard: exactly what a model sees.
import { onColourChange } from "./colours.js";

const BRUSHES = [0.5, 0.8, 1.2, 1.8, 2.6]; // radii in cells of a picture of 28, and in proportion

export class Drawing extends EventTarget {
  #canvas;
  #cursor;
  #cell;
  #shape;
  #values;
  #last = null;
  #at = null;
  isErasing = false;
  brush = 1;
  colour = [255, 255, 255];

  /** `shape` is [channels, height, width]; says "draw" while it changes and "drawn" when a stroke ends. */
  constructor(board, cell, shape) {
    super();
    this.#canvas = board.querySelector("canvas");
    this.#cursor = board.querySelector(".try-cursor");
    this.#cell = cell;
    this.#shape = shape;
    this.#values = new Uint8ClampedArray(shape[0] * shape[1] * shape[2]);
    this.#listen();
    onColourChange(() => this.#paint());
    this.#paint();
  }

  /** All values in the order channel, row, column. */
  get values() {
    return Array.from(this.#values);
  }

  set values(values) {
    this.#values = Uint8ClampedArray.from(values);
    this.#paint();
  }

  /** Nothing anywhere. */
  clear() {
    this.#values.fill(0);
    this.#paint();
    this.dispatchEvent(new Event("drawn"));
  }

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#cursor.hidden = true;
      this.#last = this.#place(event);
      this.#stroke(this.#last, this.#last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.#last) return;
      for (const one of event.getCoalescedEvents?.() ?? [event]) {
        const place = this.#place(one);
        this.#stroke(this.#last, place);
        this.#last = place;
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => {
        if (!this.#last) return;
        this.#last = null;
        this.dispatchEvent(new Event("drawn"));
      });
    }
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    canvas.addEventListener("blur", () => (this.#cursor.hidden = true));
  }

  // Where the pointer is, in cells.
  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    const [, height, width] = this.#shape;
    return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
  }

  #onKey(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const isErasing = event.key === "Delete" || event.key === "Backspace";
    if ((!step && event.key !== " " && !isErasing) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const [, height, width] = this.#shape;
    const [x, y] = this.#at ?? [Math.floor(width / 2), Math.floor(height / 2)];
    this.#at = step && this.#at ? [clamp(x + step[0], width), clamp(y + step[1], height)] : [x, y];
    if (!step) {
      const center = [this.#at[0] + 0.5, this.#at[1] + 0.5];
      this.#stroke(center, center, isErasing || this.isErasing);
      this.dispatchEvent(new Event("drawn"));
    }
    this.#showCursor();
  }

  #showCursor() {
    const [x, y] = this.#at;
    const [channels, height, width] = this.#shape;
    const box = this.#canvas.getBoundingClientRect();
    const { style } = this.#cursor;
    style.left = `${(x / width) * box.width}px`;
    style.top = `${(y / height) * box.height}px`;
    style.width = `${box.width / width}px`;
    style.height = `${box.height / height}px`;
    this.#cursor.hidden = false;
    const value = Array.from({ length: channels }, (_, c) => this.#values[(c * height + y) * width + x]).join(", ");
    this.#cell.textContent = `row ${y + 1}, column ${x + 1}: ${value}`;
  }

  // A round brush: a cell is covered as far as the line from a to b comes near its middle.
  #stroke(a, b, isErasing = this.isErasing) {
    const [channels, height, width] = this.#shape;
    const radius = Math.max(0.5, (BRUSHES[this.brush] * Math.max(height, width)) / 28);
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const cover = Math.min(1, Math.max(0, radius + 0.5 - distance([x + 0.5, y + 0.5], a, b)));
        if (cover === 0) continue;
        for (let c = 0; c < channels; c += 1) {
          const i = (c * height + y) * width + x;
          const ink = channels === 1 ? 255 : this.colour[c];
          if (isErasing) this.#values[i] *= 1 - cover;
          else if (channels === 1) this.#values[i] = Math.max(this.#values[i], cover * ink);
          else this.#values[i] += (ink - this.#values[i]) * cover;
        }
      }
    }
    this.#paint();
    this.dispatchEvent(new Event("draw"));
  }

  // Grey values are ink in the page's own colour; others are the colours that they are.
  #paint() {
    const [channels, height, width] = this.#shape;
    const picture = new ImageData(width, height);
    const ink = getComputedStyle(this.#canvas).color.match(/\d+/g).map(Number);
    const plane = height * width;
    for (let i = 0; i < plane; i += 1) {
      const rgb = channels === 1 ? ink : [0, 1, 2].map((c) => this.#values[c * plane + i]);
      picture.data.set([rgb[0], rgb[1], rgb[2], channels === 1 ? this.#values[i] : 255], 4 * i);
    }
    this.#canvas.getContext("2d", { willReadFrequently: true }).putImageData(picture, 0, 0);
  }
}

const clamp = (value, size) => Math.min(size - 1, Math.max(0, value));

function distance([x, y], [ax, ay], [bx, by]) {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const t = length ? Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length)) : 0;
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}
