import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Button } from "./button";
import { Failure } from "./failure";
import { plural } from "./format";
import { Shown } from "./states";

/** A list that comes in pages: what is there, how much that is, and a button for more. */
export function Pages<Page, Row>({ query, rows, noun, empty, children }: {
  query: UseInfiniteQueryResult<InfiniteData<Page>>;
  rows: (page: Page) => Row[];
  noun: string;
  empty: ReactNode;
  children: (rows: Row[]) => ReactNode;
}) {
  return (
    <Shown query={query}>
      {(data) => {
        const all = data.pages.flatMap(rows);
        if (all.length === 0) return empty;
        return (
          <>
            {children(all)}
            <div className="more">
              <p role="status">
                {plural(all.length, noun)}
                {query.hasNextPage && ", and there are more"}
              </p>
              {query.isFetchNextPageError && <Failure error={query.error} />}
              {query.hasNextPage && (
                <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  Show more
                </Button>
              )}
            </div>
          </>
        );
      }}
    </Shown>
  );
}
