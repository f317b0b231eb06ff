//! Keys in order.

use std::{collections::VecDeque, fmt};

use super::{Entry, Error, Store, raw};

/// A range of keys, in the order of their bytes. Nothing is read before it is asked for.
///
/// ```no_run
/// # use mecha_guest::state::{Error, Store};
/// # fn example(store: &Store, cursor: Option<String>) -> Result<(), Error> {
/// // One page, to be continued by whoever sends the cursor back.
/// let page = store.scan("entries/").reverse().limit(20).after(cursor).page()?;
///
/// // All of them.
/// for entry in store.scan("entries/") {
///     let entry = entry?;
/// }
///
/// // Keys alone.
/// let keys: Vec<String> = store.scan("entries/").start("entries/5").keys().collect::<Result<_, _>>()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a scan reads nothing until it is asked for a page or iterated over"]
pub struct Scan<'a> {
    store: &'a Store,
    range: raw::types::Range,
    limit: u32,
    cursor: Option<String>,
}

/// One page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Continues behind this page. `None` on the last one.
    pub cursor: Option<String>,
}

/// One page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    pub keys: Vec<String>,
    /// Continues behind this page. `None` on the last one.
    pub cursor: Option<String>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(store: &'a Store, prefix: String) -> Self {
        let range = raw::types::Range { prefix, start: None, end: None, reverse: false };
        Self { store, range, limit: 100, cursor: None }
    }

    /// From the last to the first.
    pub fn reverse(mut self) -> Self {
        self.range.reverse = true;
        self
    }

    /// Only keys from this one on, itself included.
    pub fn start(mut self, key: impl Into<String>) -> Self {
        self.range.start = Some(key.into());
        self
    }

    /// Only keys before this one, itself excluded.
    pub fn end(mut self, key: impl Into<String>) -> Self {
        self.range.end = Some(key.into());
        self
    }

    /// At most so many in a page: 1 to 1,000, and 100 unless said. An iteration goes on behind a page, so end
    /// it with `take`.
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Behind the page that gave this cursor. `None`: from the beginning.
    pub fn after(mut self, cursor: Option<String>) -> Self {
        self.cursor = cursor;
        self
    }

    /// Reads a page. It is one snapshot.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the cursor is not one of this range, or the limit is out of bounds.
    pub fn page(&self) -> Result<Page, Error> {
        let page = self.store.raw.scan(&self.range, self.limit, self.cursor.as_deref())?;
        Ok(Page { entries: page.entries.into_iter().map(Entry::from).collect(), cursor: page.cursor })
    }

    /// Reads a page of keys.
    ///
    /// # Errors
    /// As [`Scan::page`].
    pub fn key_page(&self) -> Result<KeyPage, Error> {
        let page = self.store.raw.scan_keys(&self.range, self.limit, self.cursor.as_deref())?;
        Ok(KeyPage { keys: page.keys, cursor: page.cursor })
    }

    /// All keys, read page by page.
    pub fn keys(self) -> Keys<'a> {
        Keys { pages: Pages::new(self) }
    }
}

impl<'a> IntoIterator for Scan<'a> {
    type Item = Result<Entry, Error>;
    type IntoIter = Entries<'a>;

    /// All entries, read page by page.
    fn into_iter(self) -> Entries<'a> {
        Entries { pages: Pages::new(self) }
    }
}

/// All entries of a [`Scan`]. Ends after an error.
pub struct Entries<'a> {
    pages: Pages<'a, Entry>,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pages.next(|scan| scan.page().map(|page| (page.entries, page.cursor)))
    }
}

/// All keys of a [`Scan`]. Ends after an error.
pub struct Keys<'a> {
    pages: Pages<'a, String>,
}

impl Iterator for Keys<'_> {
    type Item = Result<String, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.pages.next(|scan| scan.key_page().map(|page| (page.keys, page.cursor)))
    }
}

struct Pages<'a, T> {
    scan: Scan<'a>,
    ready: VecDeque<T>,
    ended: bool,
}

impl<'a, T> Pages<'a, T> {
    fn new(scan: Scan<'a>) -> Self {
        Self { scan, ready: VecDeque::new(), ended: false }
    }

    fn next(
        &mut self,
        read: impl Fn(&Scan<'a>) -> Result<(Vec<T>, Option<String>), Error>,
    ) -> Option<Result<T, Error>> {
        while self.ready.is_empty() && !self.ended {
            match read(&self.scan) {
                Ok((items, cursor)) => {
                    self.ready = items.into();
                    self.ended = cursor.is_none();
                    self.scan.cursor = cursor;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scan({:?}, at most {} in a page, cursor {:?})", self.range, self.limit, self.cursor)
    }
}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entries({:?})", self.pages.scan)
    }
}

impl fmt::Debug for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({:?})", self.pages.scan)
    }
}
