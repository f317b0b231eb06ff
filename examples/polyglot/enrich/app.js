// Knows the articles: gives the lines of an order their names and prices.

import { Fault, callee } from './mecha/callee.js';

/** Prices are in cents: sums of fractions would not be exact. */
const ARTICLES = new Map([
  ['tea', { name: 'Darjeeling, 250 g', cents: 890 }],
  ['coffee', { name: 'Espresso, 1 kg', cents: 2150 }],
  ['cup', { name: 'Cup with a blue rim', cents: 1400 }],
]);

function quote({ lines }) {
  const quoted = lines.map(({ article, quantity }) => {
    const known = ARTICLES.get(article);
    if (!known) throw new Fault('not-found', `there is no article \`${article}\``, { article });
    return { article, name: known.name, quantity, cents: known.cents * quantity };
  });
  return { lines: quoted, cents: quoted.reduce((sum, { cents }) => sum + cents, 0) };
}

export const handler = callee({ quote });
