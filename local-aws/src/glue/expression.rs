//! The filter of GetPartitions: a condition in SQL over the partition keys.
//!
//! An expression is checked against the keys when it is read, so that evaluating it can't fail. A comparison is of the
//! type that the key in it has, and literals are read as that type. One with a missing value, or with a partition's
//! value that isn't of its key's type, is neither true nor false, as in SQL.

use std::borrow::Cow;
use std::cmp::Ordering;

use sqlparser::ast::{BinaryOperator, DataType, Expr, TypedString, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::datum::{Datum, Kind};

/// What Hive writes where a value is missing.
const MISSING: &str = "__HIVE_DEFAULT_PARTITION__";

/// Why an expression isn't one.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum ExpressionError {
    #[error("{0} is not an expression: {1}")]
    Syntax(String, ParserError),
    #[error("unsupported expression: {0}")]
    Unsupported(String),
    #[error("{0} is not a partition key")]
    NoSuchKey(String),
    #[error("unsupported type of partition key {0}: {1}")]
    KeyType(String, String),
    #[error("'{0}' is not of type {1}")]
    Literal(String, &'static str),
}

/// Says which partitions are wanted.
#[derive(Debug)]
pub(super) struct Filter(Condition);

#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare(Side, BinaryOperator, Side),
    Like(Side, Pattern),
    Missing(Side),
}

/// An operand as it is written: a number is text until it is compared with one, `hour = 5` is about the text 5 if hours
/// are text.
#[derive(Debug)]
enum Operand {
    Key { index: usize, kind: Kind },
    Literal(String),
    Missing,
}

/// One side of a comparison, its literal read.
#[derive(Debug)]
enum Side {
    Key { index: usize, kind: Kind },
    Datum(Datum<'static>),
    Missing,
}

impl Filter {
    /// Reads `text` as a condition over `keys`, names and types.
    pub(super) fn parse(text: &str, keys: &[(&str, &str)]) -> Result<Filter, ExpressionError> {
        let syntax = |error| ExpressionError::Syntax(text.to_owned(), error);
        let mut parser = Parser::new(&GenericDialect).try_with_sql(text).map_err(syntax)?;
        let expression = parser.parse_expr().map_err(syntax)?;
        parser.expect_token(&Token::EOF).map_err(syntax)?;
        Reader { keys }.condition(&expression).map(Filter)
    }

    /// Is the partition with these values wanted?
    pub(super) fn matches(&self, values: &[String]) -> bool {
        self.0.holds(values) == Some(true)
    }
}

/// Turns what the parser found into a condition over the keys.
struct Reader<'a> {
    keys: &'a [(&'a str, &'a str)],
}

impl Reader<'_> {
    fn condition(&self, expression: &Expr) -> Result<Condition, ExpressionError> {
        match expression {
            Expr::Nested(inner) => self.condition(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(self.condition(expr)?.negated(true)),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Ok(Condition::All(vec![self.condition(left)?, self.condition(right)?]))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Ok(Condition::Any(vec![self.condition(left)?, self.condition(right)?]))
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => self.compare(left, op, right),
            Expr::InList { expr, list, negated } => {
                let equal = list.iter().map(|item| self.compare(expr, &BinaryOperator::Eq, item));
                Ok(Condition::Any(equal.collect::<Result<_, _>>()?).negated(*negated))
            }
            Expr::Between { expr, negated, low, high } => {
                let low = self.compare(expr, &BinaryOperator::GtEq, low)?;
                let high = self.compare(expr, &BinaryOperator::LtEq, high)?;
                Ok(Condition::All(vec![low, high]).negated(*negated))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let escape = escape_char.as_ref().map(|escape| &escape.value);
                Ok(self.like(expression, expr, pattern, escape)?.negated(*negated))
            }
            Expr::IsNull(expr) => self.missing(expr),
            Expr::IsNotNull(expr) => Ok(self.missing(expr)?.negated(true)),
            _ => Err(ExpressionError::Unsupported(expression.to_string())),
        }
    }

    fn compare(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Condition, ExpressionError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let kind = [left.kind(), right.kind()].into_iter().flatten().max().unwrap_or(Kind::Text);
        Ok(Condition::Compare(left.read_as(kind)?, op.clone(), right.read_as(kind)?))
    }

    fn missing(&self, operand: &Expr) -> Result<Condition, ExpressionError> {
        Ok(Condition::Missing(self.operand(operand)?.read_as(Kind::Text)?))
    }

    fn like(
        &self,
        whole: &Expr,
        operand: &Expr,
        pattern: &Expr,
        escape: Option<&Value>,
    ) -> Result<Condition, ExpressionError> {
        let unsupported = || ExpressionError::Unsupported(whole.to_string());
        let escape = match escape {
            None => None,
            Some(Value::SingleQuotedString(text)) => Some(text.chars().next().ok_or_else(unsupported)?),
            Some(_) => return Err(unsupported()),
        };
        match (self.operand(operand)?, self.operand(pattern)?) {
            (operand, Operand::Literal(pattern)) if operand.kind().is_none_or(|kind| kind == Kind::Text) => {
                Ok(Condition::Like(operand.read_as(Kind::Text)?, Pattern::read(&pattern, escape)))
            }
            _ => Err(unsupported()),
        }
    }

    fn operand(&self, expression: &Expr) -> Result<Operand, ExpressionError> {
        let unsupported = || ExpressionError::Unsupported(expression.to_string());
        match expression {
            Expr::Nested(inner) => self.operand(inner),
            Expr::Identifier(name) => self.key(&name.value),
            Expr::TypedString(TypedString { data_type: DataType::Date | DataType::Timestamp(..), value, .. }) => {
                value.clone().into_string().map(Operand::Literal).ok_or_else(unsupported)
            }
            Expr::Value(value) => literal(&value.value).ok_or_else(unsupported),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match self.operand(expr)? {
                Operand::Literal(digits) => Ok(Operand::Literal(format!("-{digits}"))),
                _ => Err(unsupported()),
            },
            _ => Err(unsupported()),
        }
    }

    fn key(&self, name: &str) -> Result<Operand, ExpressionError> {
        let found = self.keys.iter().position(|(key, _)| key.eq_ignore_ascii_case(name));
        let index = found.ok_or_else(|| ExpressionError::NoSuchKey(name.to_owned()))?;
        let key_type = self.keys[index].1;
        let kind = Kind::of(key_type).ok_or_else(|| ExpressionError::KeyType(name.to_owned(), key_type.to_owned()))?;
        Ok(Operand::Key { index, kind })
    }
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Gt | GtEq | Lt | LtEq)
}

fn literal(value: &Value) -> Option<Operand> {
    match value {
        Value::SingleQuotedString(text) | Value::Number(text, _) => Some(Operand::Literal(text.clone())),
        Value::Null => Some(Operand::Missing),
        _ => None,
    }
}

impl Operand {
    /// The type of a key; a literal has none of its own.
    fn kind(&self) -> Option<Kind> {
        match self {
            Operand::Key { kind, .. } => Some(*kind),
            Operand::Literal(_) | Operand::Missing => None,
        }
    }

    fn read_as(self, kind: Kind) -> Result<Side, ExpressionError> {
        match self {
            Operand::Key { index, .. } => Ok(Side::Key { index, kind }),
            Operand::Missing => Ok(Side::Missing),
            Operand::Literal(text) => match kind.read(&text) {
                Some(datum) => Ok(Side::Datum(datum.into_owned())),
                None => Err(ExpressionError::Literal(text, kind.name())),
            },
        }
    }
}

impl Side {
    /// None where there is no value, or not one of the comparison's type.
    fn datum<'a>(&'a self, values: &'a [String]) -> Option<Cow<'a, Datum<'a>>> {
        match self {
            Side::Missing => None,
            Side::Datum(datum) => Some(Cow::Borrowed(datum)),
            Side::Key { index, kind } => {
                let value = values.get(*index).filter(|value| *value != MISSING)?;
                kind.read(value).map(Cow::Owned)
            }
        }
    }
}

impl Condition {
    /// The opposite of the condition if it is `negated`.
    fn negated(self, negated: bool) -> Condition {
        if negated { Condition::Not(Box::new(self)) } else { self }
    }

    /// None where SQL says NULL.
    fn holds(&self, values: &[String]) -> Option<bool> {
        match self {
            Condition::All(all) => fold(all, values, false),
            Condition::Any(any) => fold(any, values, true),
            Condition::Not(inner) => inner.holds(values).map(|holds| !holds),
            Condition::Compare(left, op, right) => Some(agrees(op, left.datum(values)?.cmp(&right.datum(values)?))),
            Condition::Like(side, pattern) => match side.datum(values)?.as_ref() {
                Datum::Text(text) => Some(pattern.matches(text)),
                _ => None,
            },
            Condition::Missing(side) => Some(side.datum(values).is_none()),
        }
    }
}

/// One condition that is `decisive` decides; else one that is neither true nor false does.
fn fold(conditions: &[Condition], values: &[String], decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for condition in conditions {
        match condition.holds(values) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn agrees(op: &BinaryOperator, order: Ordering) -> bool {
    match op {
        BinaryOperator::Eq => order.is_eq(),
        BinaryOperator::NotEq => order.is_ne(),
        BinaryOperator::Lt => order.is_lt(),
        BinaryOperator::LtEq => order.is_le(),
        BinaryOperator::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}

/// A pattern of LIKE.
#[derive(Debug)]
struct Pattern(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Char(char),
    One,
    Many,
}

impl Pattern {
    fn read(text: &str, escape: Option<char>) -> Pattern {
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

    fn matches(&self, text: &str) -> bool {
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
