//! The patterns of LIKE.

/// A pattern of LIKE.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Char(char),
    One,
    Many,
}

impl Pattern {
    pub(super) fn read(text: &str, escape: Option<char>) -> Pattern {
        let mut chars = text.chars();
        let mut pieces = Vec::new();
        while let Some(char) = chars.next() {
            pieces.push(match char {
                char if Some(char) == escape => Piece::Char(chars.next().unwrap_or(char)),
                '%' => Piece::Many,
                '_' => Piece::One,
                char => Piece::Char(char),
            });
        }
        Pattern(pieces)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        // What the pieces so far match: the text's first n characters, for every n that is true here.
        let chars: Vec<char> = text.chars().collect();
        let mut matched = vec![false; chars.len() + 1];
        matched[0] = true;
        for piece in &self.0 {
            matched = match piece {
                Piece::Many => {
                    let first = matched.iter().position(|&holds| holds).unwrap_or(matched.len());
                    (0..matched.len()).map(|length| length >= first).collect()
                }
                Piece::One => (0..matched.len()).map(|length| length > 0 && matched[length - 1]).collect(),
                Piece::Char(char) => {
                    let ends = |length: usize| matched[length - 1] && chars[length - 1] == *char;
                    (0..matched.len()).map(|length| length > 0 && ends(length)).collect()
                }
            };
        }
        matched[chars.len()]
    }
}
