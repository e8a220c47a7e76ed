"use strict";
const facts = JSON.parse(document.getElementById("facts").textContent);
const $ = (id) => document.getElementById(id);
const NS = "http://www.w3.org/2000/svg";
const board = $("board"), zones = [];
let draft = [];

function point(event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(board.getScreenCTM().inverse());
  const clamp = (v, most) => Math.round(Math.min(Math.max(v, 0), most) * 10) / 10;
  return [clamp(at.x, facts.width), clamp(at.y, facts.height)];
}
function make(parent, tag, attributes) {
  const node = document.createElementNS(NS, tag);
  for (const [k, v] of Object.entries(attributes)) node.setAttribute(k, v);
  parent.append(node);
  return node;
}
const flat = (points) => points.map((p) => p.join(",")).join(" ");
function area(points) {
  return Math.abs(points.reduce((sum, [x, y], i) => {
    const [nx, ny] = points[(i + 1) % points.length];
    return sum + x * ny - nx * y;
  }, 0)) / 2;
}
function show() {
  $("done").replaceChildren();
  $("draft").replaceChildren();
  $("list").replaceChildren();
  zones.forEach((zone, i) => {
    make($("done"), "polygon", { points: flat(zone.points), class: zone.kind });
    const size = facts.height / 28;
    make($("done"), "text", { x: zone.points[0][0] + 4, y: zone.points[0][1] + size, "font-size": size }).textContent = zone.name;
    const item = document.createElement("li"), remove = document.createElement("button");
    item.textContent = `${zone.name} (${facts.kinds[zone.kind]})`;
    remove.type = "button";
    remove.textContent = facts.remove;
    remove.setAttribute("aria-label", `${facts.remove} ${zone.name}`);
    remove.onclick = () => { zones.splice(i, 1); show(); };
    item.append(remove);
    $("list").append(item);
  });
  if (draft.length) make($("draft"), "polyline", { points: flat(draft) });
  for (const [cx, cy] of draft) make($("draft"), "circle", { cx, cy, r: facts.height / 120 });
  $("save").disabled = zones.length === 0;
}
function say(text) { $("say").textContent = text; }
function close() {
  const name = $("name").value.trim();
  if (!name) return say(facts.need_name);
  if (zones.some((z) => z.name === name)) return say(facts.other_name);
  if (draft.length < 3 || area(draft) < 1) return say(facts.need_points);
  zones.push({ name, kind: $("kind").value, points: draft });
  draft = [];
  say("");
  $("name").value = "";
  $("name").focus();
  show();
}
function undo() { draft.pop(); show(); }
function save() {
  const lines = zones.map((z) =>
    `  - {name: ${JSON.stringify(z.name)}, kind: ${z.kind}, points: ${JSON.stringify(z.points)}}`);
  const frame = `frame: {time_s: ${facts.time_s}, width: ${facts.width}, height: ${facts.height}, image: ${JSON.stringify(facts.image)}, video: ${facts.video}}`;
  const text = ["taihang: zones/1", frame, "zones:", ...lines, ""].join("\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  link.download = facts.yaml;
  link.click();
  URL.revokeObjectURL(link.href);
}
board.addEventListener("pointerdown", (event) => { draft.push(point(event)); board.focus({ preventScroll: true }); say(""); show(); });
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "BUTTON") return;
  if (event.key === "Enter") { event.preventDefault(); close(); }
  if (event.key === "Escape") { draft = []; show(); }
  if (event.key === "Backspace" && event.target === board) { event.preventDefault(); undo(); }
});
$("form").addEventListener("submit", (event) => event.preventDefault());
$("close").onclick = close;
$("undo").onclick = undo;
$("save").onclick = save;
show();
