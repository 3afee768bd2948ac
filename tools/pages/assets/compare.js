// Two versions of a picture, one on each side of a divider. All versions are <img> elements in the stage.
"use strict";
const stage = document.getElementById("stage");
const divider = document.getElementById("divider");
const images = [...stage.querySelectorAll("img")];
const choice = { left: document.getElementById("left"), right: document.getElementById("right") };
const zoom = document.getElementById("zoom");
let position = 50; // of the divider, in percent

function show() {
  for (const side of ["left", "right"]) {
    images.forEach((image, i) => image.classList.toggle(side, i === Number(choice[side].value)));
    document.getElementById(`${side}-caption`).textContent = images[choice[side].value].alt;
  }
  for (const image of images) {
    image.style.clipPath = image.classList.contains("left") ? `inset(0 ${100 - position}% 0 0)` : "none";
  }
  divider.style.left = `${position}%`;
  divider.setAttribute("aria-valuenow", Math.round(position));
  const { naturalWidth: width, naturalHeight: height } = images[0];
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.width =
    zoom.value === "fit" ? `min(100%, ${(80 * width) / height}vh)` : `${width * Number(zoom.value)}px`;
  stage.classList.toggle("enlarged", Number(zoom.value) > 1);
}

function move(to) {
  position = Math.min(100, Math.max(0, to));
  show();
}

function swap() {
  [choice.left.value, choice.right.value] = [choice.right.value, choice.left.value];
  show();
}

function drag(event) {
  const box = stage.getBoundingClientRect();
  move((100 * (event.clientX - box.left)) / box.width);
}

stage.addEventListener("pointerdown", (event) => {
  stage.setPointerCapture(event.pointerId);
  drag(event);
});
stage.addEventListener("pointermove", (event) => {
  if (stage.hasPointerCapture(event.pointerId)) drag(event);
});
for (const element of [choice.left, choice.right, zoom]) element.addEventListener("change", show);
document.getElementById("swap").addEventListener("click", swap);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
  const step = event.shiftKey ? 10 : 1;
  if (digit && Number(digit[1]) <= images.length) {
    choice[event.shiftKey ? "left" : "right"].value = Number(digit[1]) - 1;
    show();
  } else if (event.key === "ArrowLeft") move(position - step);
  else if (event.key === "ArrowRight") move(position + step);
  else if (event.key === "Home") move(0);
  else if (event.key === "End") move(100);
  else if (event.key === "x") swap();
  else if (event.key === "z") {
    zoom.selectedIndex = (zoom.selectedIndex + 1) % zoom.options.length;
    show();
  } else return;
  event.preventDefault();
});
show();
window.addEventListener("load", show); // sizes are known when the pictures are decoded
