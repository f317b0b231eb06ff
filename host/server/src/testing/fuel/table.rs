//! Rows as text for a terminal, and as Markdown.

/// Rows under a head. All have as many cells as there are columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub title: &'static str,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name of somebody else's choosing: it stands for itself.
    Name,
    /// A number stands right.
    Number,
}

impl Table {
    #[must_use]
    pub fn new(columns: &[(&'static str, Kind)]) -> Self {
        let columns = columns.iter().map(|(title, kind)| Column { title, kind: *kind }).collect();
        Self { columns, rows: Vec::new() }
    }

    /// Columns that are as wide as what is in them.
    #[must_use]
    pub fn text(&self) -> String {
        let head: Vec<_> = self.columns.iter().map(|column| column.title.to_uppercase()).collect();
        let rows: Vec<_> = [&head].into_iter().chain(&self.rows).collect();
        let width = |index: usize| {
            rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.columns.len()).map(width).collect();
        let mut text = String::new();
        for row in rows {
            let cells =
                row.iter().zip(&self.columns).zip(&widths).map(|((cell, column), &width)| {
                    match column.kind {
                        Kind::Name => format!("{cell:width$}"),
                        Kind::Number => format!("{cell:>width$}"),
                    }
                });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }

    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = line(self.columns.iter().map(|column| column.title.to_owned()).collect());
        let rule = |column: &Column| match column.kind {
            Kind::Name => "---".to_owned(),
            Kind::Number => "--:".to_owned(),
        };
        text += &line(self.columns.iter().map(rule).collect());
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns).map(|(cell, column)| match column.kind {
                Kind::Name => code(cell),
                Kind::Number => cell.clone(),
            });
            text += &line(cells.collect());
        }
        text
    }
}

/// A name in a table, in which nothing of it is markup.
fn code(name: &str) -> String {
    match name {
        "" => String::new(),
        // A table ends its cell at a bar even in code; a backtick would end the code.
        _ => format!("`{}`", name.replace('`', "'").replace('|', "\\|")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("case", Kind::Name), ("fuel", Kind::Number), ("most in", Kind::Name)]);
        table.rows = vec![
            vec!["orders / a".into(), "7".into(), "Vec<T>::push".into()],
            vec!["ö".into(), "120,400".into(), String::new()],
        ];
        table
    }

    #[test]
    fn text_is_aligned() {
        assert_eq!(
            table().text(),
            "CASE           FUEL  MOST IN\norders / a        7  Vec<T>::push\nö           120,400\n"
        );
    }

    #[test]
    fn markdown_has_code_for_names() {
        assert_eq!(
            table().markdown(),
            "| case | fuel | most in |\n| --- | --: | --- |\n| `orders / a` | 7 | `Vec<T>::push` |\n| `ö` | 120,400 |  |\n"
        );
    }

    #[test]
    fn a_name_is_no_markup() {
        for (name, shown) in [("a|b", "`a\\|b`"), ("`<img>`", "`'<img>'`"), ("", "")] {
            assert_eq!(code(name), shown);
        }
    }
}
