// Pictures of one size upon each other, two of which are seen, on the two sides of a divider. They can be enlarged at the
// pointer, by two fingers or by keys, and dragged.

class Stage {
  position = 0.5; // of the divider, as a share of the stage
  scale = null; // CSS pixels for each pixel of the picture; null to fit the window
  origin = { x: 0, y: 0 }; // of the picture in the stage
  pointers = new Map(); // that are down on the stage: where they are

  // `size()` gives the pictures' width and height, `room()` the height that the stage may have.
  constructor({ stage, paper, divider, size, room, onchange }) {
    Object.assign(this, { stage, paper, divider, size, room, onchange });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const type of ["pointerup", "pointercancel"])
      stage.addEventListener(type, ({ pointerId }) => this.pointers.delete(pointerId));
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("dblclick", (event) => this.zoom(this.scale ? null : this.steps()[1], event));
    divider.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(stage.parentElement);
    addEventListener("resize", () => this.draw());
  }

  get fit() {
    const { width, height } = this.size();
    return Math.min(1, this.stage.parentElement.clientWidth / width, this.room() / height);
  }

  // What the size can be by name: to fit, and device pixels for each pixel.
  steps() {
    return [null, ...[1, 2, 4].map((pixels) => pixels / devicePixelRatio)];
  }

  // To a scale, such that what is at a point stays there.
  zoom(scale, point) {
    const box = this.stage.getBoundingClientRect();
    const before = this.scale ?? this.fit;
    const at = point ? { x: point.clientX - box.left, y: point.clientY - box.top } : { x: box.width / 2, y: box.height / 2 };
    const held = { x: (at.x - this.origin.x) / before, y: (at.y - this.origin.y) / before };
    this.scale = this.steps().includes(scale) ? scale : Math.min(32, Math.max(this.fit, scale));
    if (this.scale <= this.fit * 1.001 && !this.steps().includes(scale)) this.scale = null;
    this.draw();
    const after = this.stage.getBoundingClientRect();
    const now = this.scale ?? this.fit;
    const moved = point ? { x: point.clientX - after.left, y: point.clientY - after.top } : { x: after.width / 2, y: after.height / 2 };
    this.origin = { x: moved.x - held.x * now, y: moved.y - held.y * now };
    this.draw();
  }

  divide(position) {
    this.position = Math.min(1, Math.max(0, position));
    this.draw();
  }

  draw() {
    const { width, height } = this.size();
    const { stage, paper, divider, fit } = this;
    const scale = this.scale ?? fit;
    const [w, h] = [width * scale, height * scale];
    const box = {
      width: Math.min(stage.parentElement.clientWidth, Math.max(w, width * fit)),
      height: Math.min(this.room(), Math.max(h, height * fit)),
    };
    const place = (at, inner, outer) => (inner <= outer ? (outer - inner) / 2 : Math.min(0, Math.max(outer - inner, at)));
    this.origin = { x: place(this.origin.x, w, box.width), y: place(this.origin.y, h, box.height) };
    this.isLarger = w > box.width + 1 || h > box.height + 1;
    Object.assign(stage.style, { width: `${box.width}px`, height: `${box.height}px` });
    Object.assign(paper.style, { width: `${w}px`, height: `${h}px` });
    paper.style.transform = `translate(${this.origin.x}px, ${this.origin.y}px)`;
    stage.style.setProperty("--hidden", `${Math.max(0, w - (this.position * box.width - this.origin.x))}px`);
    stage.classList.toggle("enlarged", scale * devicePixelRatio > 1.5);
    stage.classList.toggle("larger", this.isLarger);
    divider.style.left = `${100 * this.position}%`;
    divider.setAttribute("aria-valuenow", Math.round(100 * this.position));
    this.onchange?.();
  }

  // ---- pointers ----

  press(event) {
    if (event.button) return;
    this.stage.setPointerCapture(event.pointerId);
    const divides = event.target === this.divider || !this.isLarger;
    this.pointers.set(event.pointerId, { clientX: event.clientX, clientY: event.clientY, divides });
    if (divides && event.target !== this.divider) this.follow(event);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = { clientX: event.clientX, clientY: event.clientY, divides: before.divides };
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) this.pinch(other, before, now);
    else if (now.divides) this.follow(event);
    else {
      this.origin.x += now.clientX - before.clientX;
      this.origin.y += now.clientY - before.clientY;
      this.draw();
    }
  }

  pinch(other, before, now) {
    const distance = (point) => Math.hypot(point.clientX - other.clientX, point.clientY - other.clientY) || 1;
    const middle = { clientX: (now.clientX + other.clientX) / 2, clientY: (now.clientY + other.clientY) / 2 };
    this.zoom(((this.scale ?? this.fit) * distance(now)) / distance(before), middle);
  }

  follow({ clientX }) {
    const box = this.stage.getBoundingClientRect();
    this.divide((clientX - box.left) / box.width);
  }

  // With Ctrl, as a touchpad sends it for two fingers, or wherever the page itself cannot be scrolled.
  wheel(event) {
    const isFree = document.documentElement.scrollHeight <= innerHeight + 1;
    if (!event.ctrlKey && !event.metaKey && !isFree) return;
    event.preventDefault();
    this.zoom((this.scale ?? this.fit) * 1.002 ** -Math.max(-150, Math.min(150, event.deltaY)), event);
  }

  // ---- keys ----

  // Arrows move the divider if it has the focus, or nothing else can be moved; else they move the picture.
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const onDivider = event.target === this.divider;
    const far = event.shiftKey ? 10 : 1;
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (arrow && this.isLarger && !onDivider) {
      this.origin.x -= 40 * far * arrow[0];
      this.origin.y -= 40 * far * arrow[1];
      this.draw();
    } else if (arrow?.[0]) this.divide(this.position + (far * arrow[0]) / 100);
    else if (arrow && onDivider) this.divide(this.position - (far * arrow[1]) / 100);
    else if (event.key === "Home") this.divide(0);
    else if (event.key === "End") this.divide(1);
    else if (event.key === "+" || event.key === "-")
      this.zoom((this.scale ?? this.fit) * (event.key === "+" ? Math.SQRT2 : Math.SQRT1_2));
    else if (event.key === "z") {
      const steps = this.steps();
      this.zoom(steps[(steps.indexOf(this.scale) + 1) % steps.length]);
    } else return;
    event.preventDefault();
  }
}
