// Addresses of files. Pure but for the place where the page itself was loaded from.

/** Address of a file below the folders that the studio serves; `data:` addresses stay as they are. */
export function fileUrl(path, root = globalThis.gradio_config?.root || '') {
  if (path.startsWith('data:')) return path;
  const parts = path.replaceAll('\\', '/').split('/').map(encodeURIComponent);
  return `${root}/gradio_api/file=${parts.join('/')}`;
}
