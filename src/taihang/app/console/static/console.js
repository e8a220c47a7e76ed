// What is typed and not sent yet is kept in the tab: a lost connection, a restarted server or a new sign-in loads
// the page anew, and finds it again. Fields are named by data-draft; what was sent is forgotten by its name.
window.taihang = (() => {
  const key = (name) => `taihang-draft ${location.pathname} ${new URLSearchParams(location.search).get('asset') || ''} ${name}`;
  const field = (holder) => holder.matches('input, textarea') ? holder : holder.querySelector('input, textarea');
  const each = (work) => document.querySelectorAll('[data-draft]').forEach((holder) => {
    const found = field(holder);
    if (found) work(found, holder.dataset.draft);
  });
  const restore = (found, name) => {
    if (found.taihangDraft) return;
    found.taihangDraft = true;
    const kept = sessionStorage.getItem(key(name));
    if (kept === null || kept === found.value) return;
    const put = () => {
      const kind = found.tagName === 'TEXTAREA' ? HTMLTextAreaElement : HTMLInputElement;
      Object.getOwnPropertyDescriptor(kind.prototype, 'value').set.call(found, kept);
      found.dispatchEvent(new Event('input', {bubbles: true}));
    };
    const wait = () => window.did_handshake ? put() : setTimeout(wait, 50);
    wait();
  };
  document.addEventListener('input', (event) => {
    const holder = event.target.closest && event.target.closest('[data-draft]');
    if (holder && event.target === field(holder)) sessionStorage.setItem(key(holder.dataset.draft), event.target.value);
  }, true);
  const look = () => each(restore);
  document.addEventListener('DOMContentLoaded', () => {
    new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
    look();
  });
  return {
    forget: (name) => sessionStorage.removeItem(key(name)),
    keep: (name, text) => sessionStorage.setItem(key(name), text),
    kept: (name) => sessionStorage.getItem(key(name)),
    signIn: () => location.assign('/sign-in?next=' + encodeURIComponent(location.pathname + location.search)),
  };
})();
