// The video page: the player, the boxes over it, the timeline below it, and zones drawn on it.
window.taihangVideo = (root, {findings, fps, words, zones, emit}) => {
  const video = root.querySelector('video'), layer = root.querySelector('svg.th-boxes'), line = root.querySelector('.th-line');
  const NS = 'http://www.w3.org/2000/svg', make = (name, marks, parent) => {
    const found = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(marks)) found.setAttribute(key, value);
    parent.appendChild(found); return found;
  };
  const clock = (s) => `${Math.floor(s / 3600)}:${String(Math.floor(s / 60) % 60).padStart(2, '0')}:${(s % 60).toFixed(1).padStart(4, '0')}`;
  // A video that the browser cannot play comes in parts of its own: `part` is the one that is loaded, from `base` seconds.
  const state = {at: -1, drawing: null, points: [], zones: zones || [], box: null, edited: null,
    part: null, base: 0, length: 0, whole: 0, wanted: null, dragged: null, nudged: false, square: null};
  const now = () => state.base + video.currentTime;
  const span = () => Math.max(state.whole || video.duration || 0, ...findings.map((f) => f.end), 1);
  const goTo = (seconds) => {
    const t = Math.max(0, Math.min(seconds, span()));
    if (video.readyState < 1) state.wanted = t;
    if (state.part === null || (t >= state.base && t < state.base + state.length)) { video.currentTime = t - state.base; return; }
    state.wanted = t; emit('part', {time: t});
  };

  const drawLine = () => {
    line.replaceChildren();
    const rules = [...new Set(findings.map((f) => f.rule))], height = 22;
    line.style.height = `${rules.length * height + 20}px`;
    rules.forEach((rule, row) => {
      const name = document.createElement('span');
      name.className = 'th-lane'; name.style.top = `${row * height}px`;
      name.textContent = findings.find((f) => f.rule === rule).title; line.appendChild(name);
    });
    findings.forEach((f, index) => {
      const bar = document.createElement('button');
      bar.className = `th-bar th-level-${f.level}` + (f.state === 'rejected' ? ' th-rejected' : '') + (index === state.at ? ' th-at' : '');
      bar.style.left = `calc(180px + (100% - 190px) * ${f.start / span()})`;
      bar.style.width = `max(6px, calc((100% - 190px) * ${(f.end - f.start) / span()}))`;
      bar.style.top = `${rules.indexOf(f.rule) * height + 2}px`;
      bar.setAttribute('aria-label', `${f.title} ${clock(f.start)}`); bar.title = `${f.title} · ${clock(f.start)}–${clock(f.end)}`;
      bar.onclick = (event) => { event.stopPropagation(); choose(index); };
      line.appendChild(bar);
    });
    const cursor = document.createElement('span'); cursor.className = 'th-cursor'; line.appendChild(cursor);
    moved();
  };
  const moved = () => {
    const cursor = line.querySelector('.th-cursor');
    if (cursor) cursor.style.left = `calc(180px + (100% - 190px) * ${now() / span()})`;
    drawBoxes();
  };
  const drawBoxes = () => {
    const w = video.videoWidth || (findings[0] && findings[0].width) || 1280, h = video.videoHeight || (findings[0] && findings[0].height) || 720;
    layer.setAttribute('viewBox', `0 0 ${w} ${h}`); layer.replaceChildren();
    layer.style.pointerEvents = state.drawing ? 'auto' : 'none';
    for (const zone of state.zones) {
      make('polygon', {points: zone.points.map((p) => p.join(',')).join(' '), class: 'th-zone'}, layer);
      make('text', {x: zone.points[0][0] + 4, y: zone.points[0][1] + 18, class: 'th-tag'}, layer).textContent = zone.name;
    }
    if (state.drawing) {
      make('polyline', {points: state.points.map((p) => p.join(',')).join(' '), class: 'th-zone th-open'}, layer);
      state.points.forEach((p) => make('circle', {cx: p[0], cy: p[1], r: Math.max(3, w / 250), class: 'th-dot'}, layer));
      return;
    }
    const t = now(), found = findings[state.at];
    for (const [index, f] of findings.entries()) {
      for (const frame of f.frames) {
        if (Math.abs(frame.time - t) > Math.max(0.6, 1.5 / fps) || (state.at >= 0 && index !== state.at)) continue;
        for (const outline of frame.outlines) make('polygon', {points: outline.map((p) => p.join(',')).join(' '), class: 'th-outline'}, layer);
        frame.boxes.forEach((box, number) => {
          const shown = state.edited && state.edited.finding === f.id && state.edited.frame === frame.number && state.edited.index === number ? state.edited : box;
          const drawn = make('rect', {x: shown.x0, y: shown.y0, width: shown.x1 - shown.x0, height: shown.y1 - shown.y0, class: `th-box th-stroke-${f.level}` + (shown.corrected || shown === state.edited ? ' th-corrected' : '')}, layer);
          if (found === f) drawn.addEventListener('pointerdown', (event) => grab(event, f, frame, box, number));
          make('text', {x: shown.x0 + 3, y: Math.max(14, shown.y0 - 5), class: 'th-tag'}, layer).textContent = shown.label || '';
        });
      }
    }
  };
  const inside = (event) => {
    const box = layer.getBoundingClientRect(), view = layer.viewBox.baseVal;
    const scale = Math.min(box.width / view.width, box.height / view.height);
    return [(event.clientX - box.left - (box.width - view.width * scale) / 2) / scale,
            (event.clientY - box.top - (box.height - view.height * scale) / 2) / scale].map((v) => Math.round(v * 10) / 10);
  };
  // A box stays inside the picture, whoever pulls it.
  const within = (box) => {
    const w = layer.viewBox.baseVal.width, h = layer.viewBox.baseVal.height, held = (v, most) => Math.round(Math.max(0, Math.min(v, most)) * 10) / 10;
    return {...box, x0: held(box.x0, w), x1: held(box.x1, w), y0: held(box.y0, h), y1: held(box.y1, h)};
  };
  // Arrow keys move a box, with Shift they move its second corner.
  const pushed = (box, event) => {
    const step = layer.viewBox.baseVal.width / 160, [dx, dy] = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]}[event.key];
    const made = within(event.shiftKey ? {...box, x1: box.x1 + dx, y1: box.y1 + dy}
      : {...box, x0: box.x0 + dx, x1: box.x1 + dx, y0: box.y0 + dy, y1: box.y1 + dy});
    return made.x1 - made.x0 < 4 || made.y1 - made.y0 < 4 ? box : made;
  };
  const grab = (event, f, frame, box, index) => {
    event.preventDefault(); video.pause();
    const [x, y] = inside(event), near = Math.max(8, (box.x1 - box.x0) / 5);
    const sides = {x0: Math.abs(x - box.x0) < near, x1: Math.abs(x - box.x1) < near, y0: Math.abs(y - box.y0) < near, y1: Math.abs(y - box.y1) < near};
    const all = !Object.values(sides).some(Boolean), start = {...box};
    const move = (to) => {
      const [nx, ny] = inside(to), made = {...start};
      for (const side of ['x0', 'x1']) if (all || sides[side]) made[side] = start[side] + nx - x;
      for (const side of ['y0', 'y1']) if (all || sides[side]) made[side] = start[side] + ny - y;
      if (made.x1 - made.x0 < 4 || made.y1 - made.y0 < 4) return;
      state.edited = {...within(made), finding: f.id, frame: frame.number, index}; drawBoxes();
    };
    const up = () => {
      window.removeEventListener('pointermove', move); window.removeEventListener('pointerup', up);
      if (state.edited) emit('corrected', state.edited);
    };
    window.addEventListener('pointermove', move); window.addEventListener('pointerup', up);
  };
  const choose = (index, seek = true) => {
    if (!findings.length) return;
    state.at = (index + findings.length) % findings.length; state.edited = null; state.nudged = false;
    const f = findings[state.at];
    if (seek) { video.pause(); goTo(f.frames.length ? f.frames[0].time : f.start); }
    drawLine(); emit('chosen', {id: f.id});
  };
  layer.addEventListener('click', (event) => {
    if (!state.drawing || state.dragged) { state.dragged = null; return; }
    state.points.push(inside(event)); drawBoxes();
  });
  // Pulled from corner to corner, a zone is a rectangle: one movement instead of four clicks.
  layer.addEventListener('pointerdown', (event) => {
    if (!state.drawing || state.points.length) return;
    const [x, y] = inside(event);
    const move = (to) => {
      const [nx, ny] = inside(to);
      if (Math.abs(nx - x) < 12 || Math.abs(ny - y) < 12) return;
      state.dragged = true; state.points = [[x, y], [nx, y], [nx, ny], [x, ny]]; drawBoxes();
    };
    const up = () => {
      window.removeEventListener('pointermove', move); window.removeEventListener('pointerup', up);
      if (state.dragged) { setTimeout(() => { state.dragged = null; }, 0); api.close(); }
    };
    window.addEventListener('pointermove', move); window.addEventListener('pointerup', up);
  });
  line.addEventListener('click', (event) => {
    const box = line.getBoundingClientRect(), share = (event.clientX - box.left - 180) / (box.width - 190);
    if (share >= 0) goTo(Math.min(1, share) * span());
  });
  const key = (event) => {
    if (!document.body.contains(root)) { document.removeEventListener('keydown', key); return; }
    if (event.target.closest('input, textarea, select, [contenteditable], .q-dialog') || event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = {ArrowRight: 1 / fps, ArrowLeft: -1 / fps}, arrow = event.key.startsWith('Arrow');
    if (arrow && state.drawing && (!state.points.length || state.square)) {
      const w = layer.viewBox.baseVal.width, h = layer.viewBox.baseVal.height;
      const box = state.square = state.square ? pushed(state.square, event) : {x0: w / 4, y0: h / 4, x1: 3 * w / 4, y1: 3 * h / 4};
      state.points = [[box.x0, box.y0], [box.x1, box.y0], [box.x1, box.y1], [box.x0, box.y1]]; drawBoxes();
    } else if (arrow && state.nudged) { state.edited = {...state.edited, ...pushed(state.edited, event)}; drawBoxes(); }
    else if (event.key === 'Enter' && state.nudged) { state.nudged = false; emit('corrected', state.edited); }
    else if (event.key === 'Escape' && state.nudged) api.revert();
    else if (event.key === 'b' && !state.drawing) {
      const f = findings[state.at], frame = f && f.frames.find((one) => one.boxes.length && Math.abs(one.time - now()) <= 0.6);
      if (frame) { video.pause(); state.nudged = true; state.edited = {...frame.boxes[0], finding: f.id, frame: frame.number, index: 0}; drawBoxes(); }
    } else if (event.key in steps && event.target.tagName !== 'VIDEO') { video.pause(); goTo(now() + steps[event.key] * (event.shiftKey ? 25 : 1)); }
    else if (event.key === ' ' && event.target.tagName !== 'BUTTON') (video.paused ? video.play() : video.pause());
    else if (event.key === 'j' || event.key === 'n') choose(state.at + 1);
    else if (event.key === 'k' || event.key === 'p') choose(state.at <= 0 ? findings.length - 1 : state.at - 1);
    else if (event.key === 'a' || event.key === 'r') emit('decide', {state: event.key === 'a' ? 'accepted' : 'rejected'});
    else if (event.key === 'z' && !state.drawing) emit('draw', {});
    else if (event.key === 'Escape' && state.drawing) { state.drawing = null; state.points = []; drawBoxes(); }
    else if (event.key === 'Enter' && state.drawing) api.close();
    else return;
    event.preventDefault();
  };
  document.addEventListener('keydown', key);
  for (const name of ['timeupdate', 'seeked', 'loadeddata']) video.addEventListener(name, moved);
  const unplayable = () => { if (state.part === null) { state.wanted ??= now(); emit('part', {time: state.wanted}); } };
  video.addEventListener('loadedmetadata', () => {
    if (state.part === null && !video.videoWidth) { unplayable(); return; }  // sound, but no picture
    if (state.wanted !== null) { const t = state.wanted; state.wanted = null; goTo(t); }
    drawLine();
  });
  video.addEventListener('error', unplayable);
  video.addEventListener('ended', () => {
    if (state.part !== null && state.base + state.length < state.whole - 0.1) goTo(state.base + state.length);
  });
  const api = {
    choose: (id) => choose(findings.findIndex((f) => f.id === id)),
    decided: (id, how) => { const f = findings.find((one) => one.id === id); if (f) { f.state = how; drawLine(); } },
    corrected: (id, boxes) => {
      const f = findings.find((one) => one.id === id); state.edited = null;
      for (const box of boxes) { const frame = f && f.frames.find((one) => one.number === box.number); if (frame && frame.boxes[box.index]) Object.assign(frame.boxes[box.index], box, {corrected: true}); }
      drawBoxes();
    },
    revert: () => { state.edited = null; state.nudged = false; drawBoxes(); },
    draw: (kind, name) => { video.pause(); state.drawing = {kind, name}; state.points = []; state.square = null; drawBoxes(); },
    close: () => {
      if (!state.drawing || state.points.length < 3) return;
      const made = {...state.drawing, points: state.points};
      state.zones.push(made); state.drawing = null; state.points = [];
      drawBoxes(); emit('zone', {zone: made, time: now(), width: video.videoWidth, height: video.videoHeight});
    },
    clear: () => { state.zones.length = 0; state.drawing = null; drawBoxes(); },
    play: (part, address, base, end, whole) => {
      Object.assign(state, {part, base, length: end - base, whole}); video.src = address;
    },
    zones: (made) => { state.zones.splice(0, state.zones.length, ...made); drawBoxes(); },
  };
  root.taihang = api; drawLine();
  if (video.error) unplayable();
  return api;
};
