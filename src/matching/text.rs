//! Texts that quote fields: `{from}@tele.gl`.

use std::fmt;

/// A text with names of fields in braces; `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    written: String,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Plain(String),
    Field(String),
}

impl Text {
    /// Reads a text; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Text, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, brace) = rest.split_at(at);
            pieces.push(Piece::Plain(plain.to_owned()));
            if brace.starts_with("{{") || brace.starts_with("}}") {
                pieces.push(Piece::Plain(brace[..1].to_owned()));
                rest = &brace[2..];
                continue;
            }
            let Some((name, after)) = brace.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
                return Err(format!(
                    "has a brace in {text:?} without the other (a brace itself is written twice)"
                ));
            };
            if name.is_empty() || name.contains('{') {
                return Err(format!("has no name of a field between braces in {text:?}"));
            }
            pieces.push(Piece::Field(name.to_owned()));
            rest = after;
        }
        pieces.push(Piece::Plain(rest.to_owned()));
        Ok(Text { written: text.to_owned(), pieces })
    }

    /// The text with fields put in. What is not there is empty.
    pub fn fill(&self, field: &impl Fn(&str) -> Option<String>) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Field(name) => field(name).unwrap_or_default(),
        };
        self.pieces.iter().map(piece).collect()
    }

    /// The fields that it quotes.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Field(name) => Some(name.as_str()),
            Piece::Plain(_) => None,
        })
    }
}

/// As it was written.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_put_in() {
        let check = |text: &str, expected: &str| {
            let field = |name: &str| (name == "from").then(|| "anna".to_owned());
            assert_eq!(Text::parse(text).expect("a text").fill(&field), expected, "{text}");
        };
        check("", "");
        check("plain é", "plain é");
        check("{from}@tele.gl", "anna@tele.gl");
        check("{from}{from}-{none}", "annaanna-");
        check("{{from}} }}{{", "{from} }{");
    }

    #[test]
    fn what_is_no_text_is_told() {
        let check = |text: &str, reason: &str| {
            assert!(Text::parse(text).is_err_and(|error| error.contains(reason)), "{text}");
        };
        check("{from", "without the other");
        check("from}", "without the other");
        check("{}", "no name");
        check("{in{from}", "no name");
    }
}
