"""The page of `write_analysis`, with its style and script; @CONTENT@ is its data."""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Predictions</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem; color: #1f2328 }
h1 { font-size: 1.3rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; font-size: .9rem } td, th { padding: .25rem .6rem; text-align: left; vertical-align: top }
th { border-bottom: 2px solid #d0d7de; cursor: pointer; white-space: nowrap } tr:nth-child(even) td { background: #f6f8fa }
td.number { text-align: right; font-variant-numeric: tabular-nums }
#summary td { font-size: 1rem } #summary td.number { font-weight: 600 }
.scroll { overflow: auto; max-height: 34rem; border: 1px solid #d0d7de; border-radius: 6px }
#matrix td { text-align: center; min-width: 1.6rem; cursor: pointer; background: none; font-variant-numeric: tabular-nums }
#matrix thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; border: 0; cursor: default }
#matrix tbody th { border: 0; cursor: default; text-align: right; font-weight: 400 }
#tools { display: flex; gap: .6rem; flex-wrap: wrap; align-items: center; margin: .6rem 0 }
#tools label { font-size: .85rem; color: #59636e } select, input { font: inherit; padding: .15rem .3rem }
.card { display: flex; gap: 1rem; border-top: 1px solid #d0d7de; padding: .6rem 0; align-items: flex-start }
.card img { height: 96px; border-radius: 4px } .card div { flex: 1; min-width: 0; overflow-wrap: anywhere }
.right { color: #1a7f37 } .wrong { color: #b42318 } .small { color: #59636e; font-size: .82rem }
button { font: inherit; padding: .3rem 1rem; margin: 1rem 0 }
</style>
<h1 id="title"></h1>
<table id="summary"></table>
<div id="class-part" hidden>
<h2>Classes</h2>
<p class="small">Click a heading to sort, and a cell of the matrix to see its samples. Rows are what was expected, columns what
was predicted.</p>
<div class="scroll"><table id="classes"><thead></thead><tbody></tbody></table></div>
<h2>Confusion matrix</h2>
<div class="scroll"><table id="matrix"><thead></thead><tbody></tbody></table></div>
</div>
<h2>Samples</h2>
<div id="tools"></div>
<p class="small" id="count"></p>
<div id="samples"></div>
<button id="more">More</button>
<script type="application/json" id="content">@CONTENT@</script>
<script>
const data = JSON.parse(document.getElementById('content').textContent);
const at = id => document.getElementById(id);
function make(tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined && text !== null) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}
document.title = data.title;
at('title').textContent = data.title;
for (const [name, value] of data.summary) {
  const row = at('summary').insertRow();
  row.append(make('td', name), make('td', value, 'number'));
}
const chosen = {verdict: '', text: '', order: 'worst first', facts: {}, cell: null};
let shown = 30;

function fillClasses(column, down) {
  const percent = value => value === null ? '' : (100 * value).toFixed(1);
  const rows = [...data.classes];
  if (column !== undefined) rows.sort((a, b) => {
    const [x, y] = [a[column], b[column]].map(value => Array.isArray(value) ? value[1] : value === null ? -1 : value);
    return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
  });
  at('classes').tBodies[0].replaceChildren(...rows.map(row => {
    const line = make('tr');
    const [name, count, recall, precision, f1, mistaken] = row;
    line.append(make('td', name), make('td', count, 'number'));
    for (const value of [recall, precision, f1]) line.append(make('td', percent(value), 'number'));
    line.append(make('td', mistaken ? `${mistaken[0]} (${mistaken[1]})` : ''));
    return line;
  }));
}
if (data.classes) {
  at('class-part').hidden = false;
  const head = at('classes').tHead.insertRow();
  ['class', 'samples', 'recall, %', 'precision, %', 'F1, %', 'most often taken for'].forEach((name, column) => {
    const cell = make('th', name);
    let down = true;
    cell.onclick = () => { fillClasses(column, down); down = !down; };
    head.append(cell);
  });
  fillClasses();
  const {names, counts} = data.matrix;
  const top = at('matrix').tHead.insertRow();
  top.append(make('td'), ...names.map(name => make('th', name)));
  counts.forEach((row, r) => {
    const line = at('matrix').tBodies[0].insertRow();
    const total = row.reduce((a, b) => a + b, 0);
    line.append(make('th', names[r]), ...row.map((count, c) => {
      const cell = make('td', count || '');
      const share = total ? count / total : 0;
      if (count) cell.style.background = `rgba(${r === c ? '26,127,55' : '180,35,24'},${(0.12 + 0.7 * share).toFixed(2)})`;
      cell.title = `${names[r]} predicted as ${names[c]}: ${count} of ${total}`;
      cell.onclick = () => { chosen.cell = [names[r], names[c]]; draw(true); at('samples').scrollIntoView(); };
      return cell;
    }));
  });
}

function pick(label, values, change) {
  const select = make('select');
  for (const value of values) select.append(new Option(value || 'all', value));
  select.onchange = () => { change(select.value); draw(true); };
  const box = make('label', label + ' ');
  box.append(select);
  at('tools').append(box);
}
const scores = [...new Set(data.samples.flatMap(sample => Object.keys(sample.scores)))];
const orders = ['worst first', ...scores.flatMap(name => [`${name}, lowest`, `${name}, highest`])];
pick('show', ['', 'wrong', 'right'], value => { chosen.verdict = value; });
pick('order', orders, value => { chosen.order = value; });
for (const [name, values] of Object.entries(data.filters))
  pick(name, ['', ...values], value => { chosen.facts[name] = value; });
const search = make('input');
search.placeholder = 'search';
search.id = 'search';
search.oninput = () => { chosen.text = search.value.toLowerCase(); draw(true); };
at('tools').append(search);
const clear = make('button', 'clear the cell');
clear.style.margin = 0;
clear.onclick = () => { chosen.cell = null; draw(true); };
at('tools').append(clear);

const group = name => data.matrix.names.includes(name) ? name : '(others)';
function selected() {
  const [name, way] = chosen.order.split(', ');
  const list = data.samples.filter(sample => {
    if (chosen.verdict && sample.right !== (chosen.verdict === 'right')) return false;
    if (chosen.cell && (group(sample.predicted) !== chosen.cell[1] || group(sample.class) !== chosen.cell[0])) return false;
    for (const [fact, value] of Object.entries(chosen.facts)) if (value && sample.facts[fact] !== value) return false;
    const words = [sample.name, sample.asked, sample.predicted, sample.expected].join(' ');
    return !chosen.text || words.toLowerCase().includes(chosen.text);
  });
  if (way) list.sort((a, b) => ((a.scores[name] ?? 0) - (b.scores[name] ?? 0)) * (way === 'lowest' ? 1 : -1));
  return list;
}
function draw(again) {
  if (again) shown = 30;
  const list = selected();
  clear.hidden = !chosen.cell;
  const cell = chosen.cell ? `: ${chosen.cell[0]} predicted as ${chosen.cell[1]}` : '';
  at('count').textContent = `${list.length} of ${data.samples.length} samples${cell}`;
  at('more').hidden = list.length <= shown;
  at('samples').replaceChildren(...list.slice(0, shown).map(sample => {
    const card = make('div', null, 'card');
    if (sample.strip) { const image = make('img'); image.src = sample.strip; card.append(image); }
    const words = make('div');
    if (sample.asked) words.append(make('div', sample.asked));
    words.append(make('div', sample.predicted, sample.right === null ? '' : sample.right ? 'right' : 'wrong'));
    if (sample.expected && !sample.right) words.append(make('div', `expected: ${sample.expected}`));
    const numbers = Object.entries(sample.scores).map(([name, value]) => `${name} ${value}`);
    words.append(make('div', [sample.name, ...numbers].join(' · '), 'small'));
    card.append(words);
    return card;
  }));
}
at('more').onclick = () => { shown += 60; draw(false); };
draw(true);
</script>
</html>
"""
