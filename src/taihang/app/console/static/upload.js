// Resumable upload (tus 1.0): pieces of 8 MiB, gone on with after a lost connection or a new start of the browser.
window.taihangUpload = async (input, {csrf, language, kind, synthetic}, told) => {
  const PIECE = 8 << 20, wait = (ms) => new Promise((done) => setTimeout(done, ms));
  const encode = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  const file = input.files[0];
  if (!file) return null;
  const common = {'Tus-Resumable': '1.0.0', 'X-CSRF-Token': csrf, 'Accept-Language': language};
  const mark = `taihang-upload ${file.name} ${file.size} ${file.lastModified}`;
  const problem = async (answer) => { try { return (await answer.json()).detail; } catch { return `HTTP ${answer.status}`; } };
  let place = localStorage.getItem(mark), offset = 0;
  if (place) {
    const head = await fetch(place, {method: 'HEAD', headers: common}).catch(() => null);
    if (head && head.ok) offset = Number(head.headers.get('Upload-Offset')); else place = null;
  }
  if (!place) {
    const metadata = [`filename ${encode(file.name)}`];
    if (kind) metadata.push(`kind ${encode(kind)}`);
    if (synthetic) metadata.push(`synthetic ${encode('true')}`);
    const made = await fetch('/api/v1/uploads', {method: 'POST',
      headers: {...common, 'Upload-Length': String(file.size), 'Upload-Metadata': metadata.join(',')}});
    if (!made.ok) throw new Error(await problem(made));
    place = made.headers.get('Location');
    localStorage.setItem(mark, place);
  }
  for (let failures = 0; offset < file.size;) {
    try {
      const answer = await fetch(place, {method: 'PATCH', body: file.slice(offset, offset + PIECE),
        headers: {...common, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset)}});
      if (answer.status >= 500 || answer.status === 409 || answer.status === 423 || answer.status === 429) throw 0;
      if (!answer.ok) { localStorage.removeItem(mark); throw new Error(await problem(answer)); }
      offset = Number(answer.headers.get('Upload-Offset')); failures = 0;
      told(offset / file.size);
    } catch (error) {
      if (error instanceof Error && !(error instanceof TypeError)) throw error;
      if (++failures > 30) throw new Error('…');
      await wait(Math.min(500 * 2 ** failures, 10000));
      const head = await fetch(place, {method: 'HEAD', headers: common}).catch(() => null);
      if (head && head.ok) offset = Number(head.headers.get('Upload-Offset'));
    }
  }
  localStorage.removeItem(mark);
  for (let i = 0; i < 120; i++) {
    const answer = await fetch('/api/v1/uploads/' + place.split('/').pop(), {headers: {'Accept': 'application/json'}});
    if (answer.ok) { const found = await answer.json(); if (found.version) return found.version; }
    await wait(500);
  }
  return null;
};
