'use strict';
// All figures are computed here from the records below the page, so that what is shown is what was recorded.
const data = JSON.parse(document.getElementById('records').textContent);
const T = data.tasks, R = data.resources, C = data.cache, N = T.start.length;
const LEFT = 76, RIGHT = 18, GRID = '#e7eaee', INK = '#555b63', PALE = '#8a9098';
const COLOURS = { queue: '#966e3c', cpu: '#009e73', rss: '#0072b2', live: '#6e5096', forecast: '#e69f00', limit: '#c81e1e',
  read: '#56a0dc', write: '#d55e00' };
const byId = id => document.getElementById(id);
window.addEventListener('error', event => { document.body.dataset.state = 'failed: ' + event.message; });

// ---- numbers as text ----
const digits = (value, n) => Number(value.toPrecision(n)).toString();
const seconds = s => s >= 3600 ? `${Math.floor(s / 3600)} h ${Math.round(s / 60 % 60)} min`
  : s >= 120 ? `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`
  : s >= 1 ? `${digits(s, 3)} s` : s >= 1e-3 ? `${digits(s * 1e3, 3)} ms` : s > 0 ? `${digits(s * 1e6, 3)} µs` : '0 s';
const UNITS = [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['B', 1]];
const unitOf = bytes => UNITS.find(unit => bytes >= unit[1]) || UNITS[4];
const bytes = count => { const [name, size] = unitOf(count); return `${digits(count / size, 3)} ${name}`; };
const percent = part => `${(100 * part).toFixed(part < 0.1 ? 1 : 0)} %`;
const whole = n => String(n).replace(/\B(?=(\d{3})+$)/g, ' ');
const escaped = text => String(text).replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const sum = list => list.reduce((a, b) => a + b, 0);
const most = (list, least) => list.reduce((a, b) => Math.max(a, b), least);
const keyOf = i => data.layers[T.layer[i]] + T.index[i];

// ---- figures ----
const workers = most(T.worker, data.workers - 1) + 1;
const starts = data.graphs.map(g => g.start).concat(N ? [T.start.reduce((a, b) => Math.min(a, b), Infinity)] : []);
const ends = data.graphs.map(g => g.end).concat([most(T.end, 0)]);
const begun = starts.length ? Math.min(...starts) : 0, ended = Math.max(...ends, begun);
const wall = ended - begun, busy = sum(T.busy), tasks = sum(T.count);
const end = Math.max(ended, most(R.t, 0), 1e-6);
const peak = most(R.rss, 0), queued = sum(T.start.map((s, i) => T.count[i] === 1 ? Math.max(s - T.ready[i], 0) : 0));
const [oneBusy, noneBusy] = data.serial;

function figure(id, name, value, text, hint) {
  const box = document.createElement('div');
  box.title = hint || '';
  box.innerHTML = `<dt>${name}</dt><dd id="${id}" data-value="${value}">${text}</dd>`;
  byId('figures').append(box);
}
figure('wall', 'wall time of the graphs', wall, seconds(wall));
figure('tasks', 'tasks', tasks, whole(tasks));
figure('graphs', 'graphs', data.graphs.length, whole(data.graphs.length));
figure('workers', 'workers', workers, workers);
figure('busy', 'time in tasks', busy, seconds(busy), 'summed over the workers');
figure('speed-up', 'speed-up', wall > 0 ? busy / wall : 0, wall > 0 ? `${(busy / wall).toFixed(2)} ×` : '-', 'time in tasks over wall time');
figure('efficiency', 'parallel efficiency', wall > 0 ? busy / wall / workers : 0, wall > 0 ? percent(busy / wall / workers) : '-', 'speed-up over workers');
if (workers > 1) figure('one-busy', 'one worker alone', oneBusy, seconds(oneBusy), 'the serial remainder');
figure('none-busy', 'no worker busy', noneBusy, seconds(noneBusy), 'mostly between graphs');
figure('queued', 'waited in the queue', queued, seconds(queued), 'summed over the tasks');
if (peak > 0) figure('peak', 'peak memory', peak, bytes(peak), 'resident, of the samples');
if (data.memory_forecast) figure('forecast', 'forecast of it', data.memory_forecast, bytes(data.memory_forecast));
if (data.memory_limit) figure('limit', 'memory limit', data.memory_limit, bytes(data.memory_limit));
const loaded = sum(T.loaded), spilled = sum(T.spilled), retries = sum(T.retries);
if (loaded + spilled > 0) figure('loaded', 'loaded from files', loaded, bytes(loaded), seconds(sum(T.read)));
if (spilled > 0) figure('spilled', 'spilled to files', spilled, bytes(spilled), seconds(sum(T.write)));
if (retries > 0) figure('retries', 'tries that failed', retries, whole(retries));

// ---- kinds ----
const kinds = data.kinds.map(kind => ({ ...kind, tasks: 0, busy: 0, longest: 0, queued: 0, read: 0, write: 0, bytes: 0 }));
for (let i = 0; i < N; i++) {
  const kind = kinds[T.kind[i]];
  kind.tasks += T.count[i]; kind.busy += T.busy[i]; kind.bytes += T.bytes[i];
  kind.read += T.read[i]; kind.write += T.write[i];
  if (T.count[i] === 1) {
    kind.longest = Math.max(kind.longest, T.busy[i]);
    kind.queued += Math.max(T.start[i] - T.ready[i], 0);
  }
}
let chosen = -1;
const orNothing = (value, text) => value > 0 ? text(value) : '';
kinds.forEach((kind, place) => {
  if (!kind.tasks && !kind.busy) return;
  const row = byId('kinds').tBodies[0].insertRow();
  row.dataset.kind = kind.name;
  row.dataset.tasks = kind.tasks;
  row.dataset.busy = kind.busy;
  row.innerHTML = [`<i style="background:${kind.colour}"></i>`, escaped(kind.name), whole(kind.tasks), seconds(kind.busy),
    busy > 0 ? percent(kind.busy / busy) : '', kind.tasks ? seconds(kind.busy / kind.tasks) : '', orNothing(kind.longest, seconds),
    orNothing(kind.queued, seconds), orNothing(kind.read, seconds), orNothing(kind.write, seconds),
    orNothing(kind.bytes, bytes), orNothing(data.alone[kind.name] || 0, seconds)].map(cell => `<td>${cell}</td>`).join('');
  row.addEventListener('click', () => {
    chosen = chosen === place ? -1 : place;
    for (const other of byId('kinds').tBodies[0].rows) other.classList.toggle('chosen', chosen >= 0 && other.dataset.kind === kind.name);
    draw();
  });
});

// ---- what kept workers idle ----
(function () {
  const alone = Object.entries(data.alone).sort((a, b) => b[1] - a[1]);
  const names = alone.slice(0, 4).map(([kind, s]) => `${escaped(kind)} ${seconds(s)}`).join(', ');
  const rest = alone.length > 4 ? ` and ${alone.length - 4} other kinds` : '';
  const between = `no worker for ${seconds(noneBusy)} (${seconds(data.between_graphs)} of it between graphs)`;
  byId('serial-words').innerHTML = workers > 1
    ? `The serial remainder: one worker was busy alone for ${seconds(oneBusy)}${names ? ` (${names}${rest})` : ''}, ${between}. ` +
      `With tasks cut like this, more workers shorten neither.`
    : `One worker; ${between}.`;
  const shades = n => n === 0 ? '#d9dde2' : n === 1 && workers > 1 ? '#e69f00' : `hsl(205 70% ${62 - 28 * (n / workers)}%)`;
  byId('serial-bar').innerHTML = data.busy_workers.map((s, n) => {
    const name = n === 0 ? 'none busy' : `${n} busy`;
    return s > 0 ? `<div style="flex:${s / wall} 1 0;background:${shades(n)};color:${n > 1 || (n && workers === 1) ? '#fff' : '#222'}"
      title="${name}: ${seconds(s)}" data-busy-workers="${n}" data-value="${s}">${s / wall > 0.07 ? `${name} ${seconds(s)}` : ''}</div>` : '';
  }).join('');
})();

// ---- drawing ----
const view = { from: 0, to: end };
function canvasOf(id, height) {
  const canvas = byId(id), ratio = window.devicePixelRatio || 1;
  const width = byId('panels').clientWidth;
  const h = height || Number(canvas.dataset.height || (canvas.dataset.height = canvas.height));
  canvas.style.height = `${h}px`;
  canvas.width = Math.round(width * ratio); canvas.height = Math.round(h * ratio);
  const ctx = canvas.getContext('2d');
  ctx.scale(ratio, ratio);
  ctx.font = '11px "DejaVu Sans", Verdana, sans-serif';
  return { ctx, x: LEFT, y: 4, w: Math.max(width - LEFT - RIGHT, 10), h: h - 24, height: h };
}
const xOf = (box, t) => box.x + (t - view.from) / (view.to - view.from) * box.w;
const tOf = (box, x) => view.from + (x - box.x) / box.w * (view.to - view.from);
function stepOf(length, count) {
  const least = length / count, decade = 10 ** Math.floor(Math.log10(least));
  return decade * ([1, 2, 5].find(factor => factor * decade >= least * (1 - 1e-9)) || 10);
}
function axes(box, top, label) {
  const { ctx } = box, step = stepOf(view.to - view.from, Math.max(box.w / 110, 2));
  ctx.strokeStyle = GRID; ctx.fillStyle = INK; ctx.lineWidth = 1;
  ctx.textAlign = 'center'; ctx.textBaseline = 'top';
  const unit = view.to < 2e-3 ? [1e6, 'µs'] : view.to < 2 ? [1e3, 'ms'] : [1, 's'];
  for (let n = Math.ceil(view.from / step - 1e-9); n * step <= view.to * (1 + 1e-12); n++) {
    const x = Math.round(xOf(box, n * step)) + 0.5;
    line(ctx, x, box.y, x, box.y + box.h + 4);
    ctx.fillText(`${digits(n * step * unit[0], 6)} ${unit[1]}`, x, box.y + box.h + 7);
  }
  if (top > 0) {
    const rise = stepOf(top, Math.max(box.h / 28, 2));
    ctx.textAlign = 'right'; ctx.textBaseline = 'middle';
    for (let n = 0; n * rise <= top; n++) {
      const y = Math.round(box.y + box.h * (1 - n * rise / top)) + 0.5;
      line(ctx, box.x, y, box.x + box.w, y);
      ctx.fillText(`${digits(n * rise, 6)}`, box.x - 6, y);
    }
    if (label) {
      ctx.save(); ctx.translate(14, box.y + box.h / 2); ctx.rotate(-Math.PI / 2);
      ctx.textAlign = 'center'; ctx.fillText(label, 0, 0); ctx.restore();
    }
  }
}
function line(ctx, x0, y0, x1, y1) { ctx.beginPath(); ctx.moveTo(x0, y0); ctx.lineTo(x1, y1); ctx.stroke(); }
function inside(box, paint) {
  const { ctx } = box;
  ctx.save(); ctx.beginPath(); ctx.rect(box.x, box.y - 2, box.w, box.h + 4); ctx.clip(); paint(ctx); ctx.restore();
}
function frame(box) { box.ctx.strokeStyle = '#9aa1a9'; box.ctx.strokeRect(box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1); }
// Values at their times; where several fall on one pixel, the lowest and the highest are kept.
function series(box, t, value, top, look) {
  inside(box, ctx => {
    const y = v => box.y + box.h * (1 - v / top), points = [];
    let column = null;
    const flush = () => { if (column) points.push([column.x, column.first], [column.x, column.low], [column.x, column.high], [column.x, column.last]); };
    let before = 0, was = 0;
    const put = (x, v) => {
      const at = Math.round(x);
      if (!column || column.x !== at) { flush(); column = { x: at, first: v, low: v, high: v, last: v }; }
      column.low = Math.min(column.low, v); column.high = Math.max(column.high, v); column.last = v;
    };
    for (let i = 0; i < t.length; i++) {
      const x = xOf(box, t[i]);
      if (look.steps) { if (x >= box.x - 1) put(x, before); put(Math.max(x, box.x - 1), value[i]); }
      else if (x < box.x - 1) was = i;
      else { if (was !== null && i) put(box.x - 1, value[was]); was = null; put(x, value[i]); }
      before = value[i];
      if (x > box.x + box.w) break;
    }
    if (look.steps && t.length) put(box.x + box.w + 1, before);
    flush();
    if (points.length < 2) return;
    ctx.beginPath(); points.forEach(([x, v], i) => i ? ctx.lineTo(x, y(v)) : ctx.moveTo(x, y(v)));
    ctx.strokeStyle = look.colour; ctx.lineWidth = look.width || 1.6; ctx.stroke();
    if (look.fill) {
      ctx.lineTo(points[points.length - 1][0], box.y + box.h); ctx.lineTo(points[0][0], box.y + box.h);
      ctx.globalAlpha = 0.16; ctx.fillStyle = look.colour; ctx.fill();
    }
  });
}
function level(box, value, top, colour, from, to) {
  inside(box, ctx => {
    const y = box.y + box.h * (1 - value / top);
    ctx.setLineDash([7, 5]); ctx.strokeStyle = colour; ctx.lineWidth = 1.6;
    line(ctx, from === undefined ? box.x : xOf(box, from), y, to === undefined ? box.x + box.w : xOf(box, to), y);
  });
}
function hatch(ctx, x, y, w, h) {
  ctx.save(); ctx.beginPath(); ctx.rect(x, y, w, h); ctx.clip(); ctx.strokeStyle = 'rgb(255 255 255 / 80%)'; ctx.lineWidth = 2;
  for (let s = 3; s < w + h; s += 6) line(ctx, x + s - h, y + h, x + s, y);
  ctx.restore();
}

// ---- lanes ----
const lanes = Array.from({ length: workers }, () => []);
for (let i = 0; i < N; i++) lanes[T.worker[i]].push(i);
const latest = lanes.map(lane => {
  lane.sort((a, b) => T.start[a] - T.start[b]);
  let high = 0;
  return lane.map(i => (high = Math.max(high, T.end[i])));
});
const laneHeight = Math.max(Math.min(Math.max(34, 120 / workers), 420 / workers), 3);
function firstOf(worker, t) {
  let low = 0, high = lanes[worker].length;
  while (low < high) { const middle = (low + high) >> 1; if (latest[worker][middle] < t) low = middle + 1; else high = middle; }
  return low;
}
let box0 = null;
function drawLanes() {
  const box = canvasOf('lanes', laneHeight * workers + 34), { ctx } = box;
  box.y = 14; box0 = box;
  box.h = laneHeight * workers;
  axes(box, 0);
  let drawn = 0, shapes = 0;
  const columns = Math.ceil(box.w), K = kinds.length, sums = new Float64Array(columns * K);
  inside(box, () => lanes.forEach((lane, worker) => {
    const gap = Math.min(laneHeight * 0.14, 4), y = box.y + worker * laneHeight + gap / 2, h = laneHeight - gap;
    sums.fill(0);
    let narrow = false;
    for (let n = firstOf(worker, view.from); n < lane.length; n++) {
      const i = lane[n];
      if (T.start[i] > view.to) break;
      const x0 = xOf(box, T.start[i]), x1 = xOf(box, T.end[i]), kind = T.kind[i];
      drawn += T.count[i];
      if (T.count[i] === 1 && x1 - x0 >= 2) {
        ctx.globalAlpha = chosen < 0 || chosen === kind ? 1 : 0.12;
        ctx.fillStyle = kinds[kind].colour;
        ctx.fillRect(x0, y, Math.max(x1 - x0 - 0.5, 1), h);
        shapes++;
        const scale = (x1 - x0) / Math.max(T.end[i] - T.start[i], 1e-12), read = T.read[i] * scale, write = T.write[i] * scale;
        if (read >= 2) hatch(ctx, x0, y, read, h);
        if (write >= 2) hatch(ctx, x1 - write, y, write, h);
        continue;
      }
      narrow = true;
      const part = Math.min(T.busy[i] / Math.max(T.end[i] - T.start[i], 1e-12), 1);
      const last = Math.min(Math.floor(x1 - box.x), columns - 1);
      for (let column = Math.max(Math.floor(x0 - box.x), 0); column <= last; column++) {
        const share = Math.min(x1 - box.x, column + 1) - Math.max(x0 - box.x, column);
        sums[column * K + kind] += Math.max(share, 1e-6) * part;
      }
    }
    if (narrow) shapes += drawNarrow(box, sums, y, h);
  }));
  ctx.globalAlpha = 1; ctx.fillStyle = INK; ctx.textAlign = 'right'; ctx.textBaseline = 'middle';
  const every = Math.max(Math.ceil(13 / laneHeight), 1);
  for (let worker = 0; worker < workers; worker += every) ctx.fillText(worker, box.x - 6, box.y + (worker + 0.5) * laneHeight);
  ctx.save(); ctx.translate(14, box.y + box.h / 2); ctx.rotate(-Math.PI / 2); ctx.textAlign = 'center'; ctx.fillText('worker', 0, 0); ctx.restore();
  drawGraphs(box);
  frame(box);
  byId('lanes').dataset.tasks = drawn;
  byId('lanes').dataset.shapes = shapes;
}
// Columns of tasks narrower than a pixel: the kind that took most, as high as the column was busy; equal neighbours are one box.
function drawNarrow(box, sums, y, h) {
  const { ctx } = box, K = kinds.length, columns = sums.length / K;
  let run = null, shapes = 0;
  const flush = until => {
    if (run) { ctx.fillStyle = kinds[run.kind].colour; ctx.fillRect(box.x + run.from, y + h * (1 - run.height), until - run.from, h * run.height); shapes++; }
  };
  for (let column = 0; column <= columns; column++) {
    let total = 0, kind = -1, high = 0;
    for (let k = 0; k < K && column < columns; k++) {
      const value = chosen < 0 || chosen === k ? sums[column * K + k] : 0;
      total += value;
      if (value > high) { high = value; kind = k; }
    }
    const height = Math.min(Math.ceil(total * 4 - 1e-3), 4) / 4;
    const is = kind >= 0 ? Math.max(height, 0.25) : 0;
    if (!run || run.kind !== kind || run.height !== is) { flush(column); run = kind >= 0 ? { kind, height: is, from: column } : null; }
  }
  ctx.globalAlpha = 1;
  return shapes;
}
// A mark above the lanes for each graph.
function drawGraphs(box) {
  const { ctx } = box;
  ctx.fillStyle = '#b9c0c8';
  for (const graph of data.graphs) {
    const x0 = Math.max(xOf(box, graph.start), box.x), x1 = Math.min(xOf(box, graph.end), box.x + box.w);
    if (x1 > x0) ctx.fillRect(x0, box.y - 9, Math.max(x1 - x0 - 1, 0.6), 5);
  }
}

// ---- other panels ----
const waiting = (function () {
  const changes = [];
  for (let i = 0; i < N; i++) if (T.start[i] > T.ready[i]) changes.push([T.ready[i], T.count[i]], [T.start[i], -T.count[i]]);
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let now = 0;
  return { t: changes.map(c => c[0]), n: changes.map(c => (now += c[1])) };
})();
const live = (function () {
  const order = Array.from(T.end.keys()).sort((a, b) => T.end[a] - T.end[b]);
  return { t: order.map(i => T.end[i]), bytes: order.map(i => T.live[i]) };
})();
function drawQueue() {
  const box = canvasOf('queue'), top = most(waiting.n, 1) * 1.1;
  axes(box, top, 'tasks'); series(box, waiting.t, waiting.n, top, { colour: COLOURS.queue, steps: true, fill: true }); frame(box);
}
function drawCpu() {
  const box = canvasOf('cpu'), top = most(R.cpu, 100 * workers) * 1.08;
  axes(box, top, '%'); series(box, R.t, R.cpu, top, { colour: COLOURS.cpu, fill: true });
  level(box, 100 * workers, top, PALE); frame(box);
}
function drawMemory() {
  const used = most(live.bytes, Math.max(peak, 1)), planned = data.graphs.reduce((high, g) => Math.max(high, g.forecast_bytes), 0);
  const forecast = data.memory_forecast && data.memory_forecast < 5 * used ? data.memory_forecast : 0;
  const known = Math.max(used, planned, forecast), limit = data.memory_limit && data.memory_limit < 2 * known ? data.memory_limit : 0;
  const [unit, size] = unitOf(Math.max(known, limit)), top = Math.max(known, limit) * 1.08 / size;
  const box = canvasOf('memory');
  axes(box, top, unit);
  series(box, R.t, R.rss.map(b => b / size), top, { colour: COLOURS.rss, fill: true });
  series(box, live.t, live.bytes.map(b => b / size), top, { colour: COLOURS.live, steps: true });
  for (const graph of data.graphs) level(box, graph.forecast_bytes / size, top, COLOURS.live, graph.start, graph.end);
  if (forecast) level(box, forecast / size, top, COLOURS.forecast);
  if (limit) level(box, limit / size, top, COLOURS.limit);
  frame(box);
}
function drawTraffic() {
  const high = most(R.read, most(R.write, 1)), [unit, size] = unitOf(high), box = canvasOf('traffic'), top = high * 1.1 / size;
  axes(box, top, `${unit}/s`);
  series(box, R.t, R.read.map(b => b / size), top, { colour: COLOURS.read, fill: true });
  series(box, R.t, R.write.map(b => b / size), top, { colour: COLOURS.write, fill: true }); frame(box);
}
function drawHeld() {
  const box = canvasOf('held'), columns = Math.ceil(box.w), K = kinds.length, held = new Float64Array(K), rows = [];
  let total = 0, n = 0, high = 0;
  for (let column = 0; column < columns; column++) {
    let best = Float64Array.from(held), bestTotal = total;
    const until = tOf(box, box.x + column + 1);
    for (; n < C.t.length && C.t[n] <= until; n++) {
      total += C.bytes[n] - held[C.kind[n]]; held[C.kind[n]] = C.bytes[n];
      if (total > bestTotal) { bestTotal = total; best = Float64Array.from(held); }
    }
    rows.push(best); high = Math.max(high, bestTotal);
  }
  const [unit, size] = unitOf(high), top = Math.max(high / size, 1e-9) * 1.1;
  axes(box, high > 0 ? top : 0, unit);
  inside(box, ctx => {
    const below = new Float64Array(columns);
    for (let k = 0; k < K; k++) {
      ctx.beginPath();
      let any = false;
      const y = bytes => box.y + box.h * (1 - bytes / size / top);
      for (let c = 0; c < columns; c++) { any = any || rows[c][k] > 0; ctx.lineTo(box.x + c, y(below[c] + rows[c][k])); ctx.lineTo(box.x + c + 1, y(below[c] + rows[c][k])); }
      for (let c = columns - 1; c >= 0; c--) { ctx.lineTo(box.x + c + 1, y(below[c])); ctx.lineTo(box.x + c, y(below[c])); }
      for (let c = 0; c < columns; c++) below[c] += rows[c][k];
      if (any) { ctx.globalAlpha = chosen < 0 || chosen === k ? 0.88 : 0.12; ctx.fillStyle = kinds[k].colour; ctx.fill(); }
    }
  });
  byId('held').dataset.peak = high;
  frame(box);
}
const mark = (name, colour, dashed) => `<i ${dashed ? 'class="dashed"' : ''} style="background:${colour};color:${colour}"></i>${name}`;
byId('lanes-note').innerHTML = N ? `coloured by kind; hatched: reading inputs, spilling results; the grey bars above are the graphs` : 'no task was recorded';
byId('cpu-note').innerHTML = mark('used', COLOURS.cpu) + mark('all workers', PALE, true);
byId('memory-note').innerHTML = mark('resident', COLOURS.rss) + mark('declared live', COLOURS.live) + mark('forecast of each graph', COLOURS.live, true) +
  (data.memory_forecast ? mark(`forecast ${bytes(data.memory_forecast)}`, COLOURS.forecast, true) : '') +
  (data.memory_limit ? mark(`limit ${bytes(data.memory_limit)}`, COLOURS.limit, true) : '');
byId('traffic-note').innerHTML = mark('read', COLOURS.read) + mark('written', COLOURS.write) + ' per second, whether by the disk or by the system’s cache';
function draw() { drawLanes(); drawQueue(); drawCpu(); drawMemory(); drawTraffic(); drawHeld(); overlay(null); }

// ---- mouse ----
let press = null, pending = false;
function overlay(mouse) {
  const panels = byId('panels'), box = canvasOf('overlay', panels.clientHeight), { ctx } = box;
  byId('tip').hidden = true;
  if (!mouse || !box0) return;
  ctx.strokeStyle = 'rgb(40 44 52 / 45%)';
  if (press !== null) {
    ctx.fillStyle = 'rgb(0 114 178 / 14%)';
    ctx.fillRect(Math.min(press, mouse.x), 0, Math.abs(mouse.x - press), panels.clientHeight);
  } else if (mouse.x >= box.x && mouse.x <= box.x + box.w) line(ctx, mouse.x + 0.5, 0, mouse.x + 0.5, panels.clientHeight);
  const top = byId('lanes').offsetTop, worker = Math.floor((mouse.y - top - box0.y) / laneHeight);
  if (press !== null || worker < 0 || worker >= workers || mouse.x < box.x || mouse.x > box.x + box.w) return;
  const found = taskAt(worker, tOf(box0, mouse.x - 1), tOf(box0, mouse.x + 1));
  if (found >= 0) { outline(ctx, found, top + box0.y + worker * laneHeight); tell(found, mouse); }
}
// The longest task of a worker within these times.
function taskAt(worker, from, to) {
  let best = -1;
  for (let n = firstOf(worker, from); n < lanes[worker].length && T.start[lanes[worker][n]] <= to; n++) {
    const i = lanes[worker][n];
    if (T.end[i] >= from && (best < 0 || T.busy[i] > T.busy[best])) best = i;
  }
  return best;
}
function outline(ctx, i, y) {
  const [x0, x1, ready] = [T.start[i], T.end[i], T.ready[i]].map(t => Math.min(Math.max(xOf(box0, t), box0.x), box0.x + box0.w));
  ctx.strokeStyle = '#111'; ctx.lineWidth = 1.5; ctx.strokeRect(x0, y + 1, Math.max(x1 - x0, 1), laneHeight - 2);
  ctx.setLineDash([3, 3]); ctx.strokeStyle = COLOURS.queue; ctx.lineWidth = 3; line(ctx, ready, y + laneHeight / 2, x0, y + laneHeight / 2); ctx.setLineDash([]);
}
function tell(i, mouse) {
  const rows = [['kind', escaped(kinds[T.kind[i]].name)], ['began', `${digits(T.start[i], 6)} s`], ['took', seconds(T.end[i] - T.start[i])],
    ['waited in the queue', seconds(Math.max(T.start[i] - T.ready[i], 0))]];
  const more = (name, value, text) => { if (value > 0) rows.push([name, text]); };
  more('of it reading inputs', T.read[i], `${seconds(T.read[i])}, ${bytes(T.loaded[i])}`);
  more('of it spilling the result', T.write[i], `${seconds(T.write[i])}, ${bytes(T.spilled[i])}`);
  rows.push(['result', bytes(T.bytes[i])], ['live after it', bytes(T.live[i])]);
  more('tries that failed', T.retries[i], T.retries[i]);
  if (T.count[i] > 1) rows.push(['stands for', `${T.count[i]} short tasks, ${seconds(T.busy[i])} of work`]);
  const tip = byId('tip');
  tip.innerHTML = `<b>${escaped(keyOf(i))}</b><table>${rows.map(([a, b]) => `<tr><td>${a}</td><td>${b}</td></tr>`).join('')}</table>`;
  tip.hidden = false;
  tip.style.left = `${Math.min(mouse.clientX + 16, window.innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(mouse.clientY + 16, window.innerHeight - tip.offsetHeight - 8)}px`;
}
(function () {
  const panels = byId('panels');
  const place = event => { const area = panels.getBoundingClientRect(); return { x: event.clientX - area.left, y: event.clientY - area.top, clientX: event.clientX, clientY: event.clientY }; };
  const show = (from, to) => {
    const length = Math.min(Math.max(to - from, 1e-7), end);
    view.from = Math.min(Math.max(from, 0), end - length); view.to = view.from + length; draw();
  };
  panels.addEventListener('mousemove', event => {
    const mouse = place(event);
    if (!pending) { pending = true; requestAnimationFrame(() => { pending = false; overlay(mouse); }); }
  });
  panels.addEventListener('mouseleave', () => { press = null; overlay(null); });
  panels.addEventListener('mousedown', event => { press = place(event).x; });
  panels.addEventListener('mouseup', event => {
    const x = place(event).x, from = press;
    press = null;
    if (from !== null && Math.abs(x - from) > 4) show(tOf(box0, Math.min(x, from)), tOf(box0, Math.max(x, from)));
  });
  panels.addEventListener('dblclick', () => show(0, end));
  panels.addEventListener('wheel', event => {
    event.preventDefault();
    const t = tOf(box0, place(event).x), factor = Math.exp(Math.sign(event.deltaY) * 0.25);
    show(t - (t - view.from) * factor, t + (view.to - t) * factor);
  }, { passive: false });
  window.addEventListener('resize', draw);
})();
draw();
document.body.dataset.state = 'ready';
