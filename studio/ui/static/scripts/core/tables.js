// The tables that Python owns: kinds of files, methods, measures, limits. They come with the page
// (`studio/ui/tables.py`), so that nothing here is a copy.

export const tables = JSON.parse(document.getElementById('cs-tables').textContent);
