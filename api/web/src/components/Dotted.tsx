/** Short facts in a row, with dots between them that are text: copied, read aloud and wrapped as such. */
import { Fragment } from 'react';

export function Dotted({ parts }: { parts: readonly string[] }) {
  return parts.map((part, index) => (
    <Fragment key={part}>
      {index > 0 && ' · '}
      <span className="fact">{part}</span>
    </Fragment>
  ));
}
