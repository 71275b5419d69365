export async function open(page) { page.replaceChildren("soon"); }
