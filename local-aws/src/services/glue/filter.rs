//! The filter of GetPartitions: a predicate in SQL over the partition keys.
//!
//! An expression is checked against the keys when it is parsed, so that evaluating it cannot fail. A comparison has the
//! type of the key in it, and its literals are read as that type. A comparison is NULL, as in SQL, if a value is missing
//! or if a partition's value is not of the key's type.

mod datum;
mod like;

use std::borrow::Cow;
use std::cmp::Ordering;

use regex_lite::Regex;
use sqlparser::ast::{BinaryOperator, DataType, Expr, TypedString, UnaryOperator, Value};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use self::datum::{Datum, Kind};

/// The value that Hive writes for NULL.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Why a text is not a valid filter.
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

/// Decides which partitions are wanted.
#[derive(Debug)]
pub(super) struct Filter(Predicate);

#[derive(Debug)]
enum Predicate {
    All(Vec<Predicate>),
    Any(Vec<Predicate>),
    Not(Box<Predicate>),
    Compare(Side, BinaryOperator, Side),
    Like(Side, Regex),
    IsNull(Side),
}

/// An operand as it is written. A literal has no type before it is compared: `hour = 5` compares with the text 5 if
/// hours are text.
#[derive(Debug)]
enum Operand {
    Key { index: usize, kind: Kind },
    Literal(String),
    Null,
}

/// One side of a comparison, with its literal read.
#[derive(Debug)]
enum Side {
    Key { index: usize, kind: Kind },
    Datum(Datum<'static>),
    Null,
}

impl Filter {
    /// Parses `text` as a predicate over `keys`, given as names and types.
    pub(super) fn parse(text: &str, keys: &[(&str, &str)]) -> Result<Filter, ExpressionError> {
        let syntax = |error| ExpressionError::Syntax(text.to_owned(), error);
        let mut parser = Parser::new(&GenericDialect).try_with_sql(text).map_err(syntax)?;
        let expression = parser.parse_expr().map_err(syntax)?;
        parser.expect_token(&Token::EOF).map_err(syntax)?;
        Resolver { keys }.predicate(&expression).map(Filter)
    }

    /// Whether the partition with these values is wanted.
    pub(super) fn matches(&self, values: &[String]) -> bool {
        self.0.evaluate(values) == Some(true)
    }
}

/// Translates the parser's expression to a predicate over the keys.
struct Resolver<'a> {
    keys: &'a [(&'a str, &'a str)],
}

impl Resolver<'_> {
    fn predicate(&self, expression: &Expr) -> Result<Predicate, ExpressionError> {
        match expression {
            Expr::Nested(inner) => self.predicate(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(self.predicate(expr)?.negated(true)),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                Ok(Predicate::All(vec![self.predicate(left)?, self.predicate(right)?]))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                Ok(Predicate::Any(vec![self.predicate(left)?, self.predicate(right)?]))
            }
            Expr::BinaryOp { left, op, right } if is_comparison(op) => self.compare(left, op, right),
            Expr::InList { expr, list, negated } => {
                let equal = list.iter().map(|item| self.compare(expr, &BinaryOperator::Eq, item));
                Ok(Predicate::Any(equal.collect::<Result<_, _>>()?).negated(*negated))
            }
            Expr::Between { expr, negated, low, high } => {
                let low = self.compare(expr, &BinaryOperator::GtEq, low)?;
                let high = self.compare(expr, &BinaryOperator::LtEq, high)?;
                Ok(Predicate::All(vec![low, high]).negated(*negated))
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let escape = escape_char.as_ref().map(|escape| &escape.value);
                Ok(self.like(expression, expr, pattern, escape)?.negated(*negated))
            }
            Expr::IsNull(expr) => self.is_null(expr),
            Expr::IsNotNull(expr) => Ok(self.is_null(expr)?.negated(true)),
            _ => Err(ExpressionError::Unsupported(expression.to_string())),
        }
    }

    fn compare(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Result<Predicate, ExpressionError> {
        let (left, right) = (self.operand(left)?, self.operand(right)?);
        let kind = [left.kind(), right.kind()].into_iter().flatten().max().unwrap_or(Kind::Text);
        Ok(Predicate::Compare(left.read_as(kind)?, op.clone(), right.read_as(kind)?))
    }

    fn is_null(&self, operand: &Expr) -> Result<Predicate, ExpressionError> {
        Ok(Predicate::IsNull(self.operand(operand)?.read_as(Kind::Text)?))
    }

    fn like(
        &self,
        whole: &Expr,
        operand: &Expr,
        pattern: &Expr,
        escape: Option<&Value>,
    ) -> Result<Predicate, ExpressionError> {
        let unsupported = || ExpressionError::Unsupported(whole.to_string());
        let escape = match escape {
            None => None,
            Some(Value::SingleQuotedString(text)) => Some(text.chars().next().ok_or_else(unsupported)?),
            Some(_) => return Err(unsupported()),
        };
        match (self.operand(operand)?, self.operand(pattern)?) {
            (operand, Operand::Literal(pattern)) if operand.kind().is_none_or(|kind| kind == Kind::Text) => {
                let regex = like::regex(&pattern, escape).ok_or_else(unsupported)?;
                Ok(Predicate::Like(operand.read_as(Kind::Text)?, regex))
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
        Value::Null => Some(Operand::Null),
        _ => None,
    }
}

impl Operand {
    /// The type of a key. `None` for a literal.
    fn kind(&self) -> Option<Kind> {
        match self {
            Operand::Key { kind, .. } => Some(*kind),
            Operand::Literal(_) | Operand::Null => None,
        }
    }

    fn read_as(self, kind: Kind) -> Result<Side, ExpressionError> {
        match self {
            Operand::Key { index, .. } => Ok(Side::Key { index, kind }),
            Operand::Null => Ok(Side::Null),
            Operand::Literal(text) => match kind.read(&text) {
                Some(datum) => Ok(Side::Datum(datum.into_owned())),
                None => Err(ExpressionError::Literal(text, kind.name())),
            },
        }
    }
}

impl Side {
    /// The value of this side. `None` if it is missing or not of the comparison's type.
    fn datum<'a>(&'a self, values: &'a [String]) -> Option<Cow<'a, Datum<'a>>> {
        match self {
            Side::Null => None,
            Side::Datum(datum) => Some(Cow::Borrowed(datum)),
            Side::Key { index, kind } => {
                let value = values.get(*index).filter(|value| *value != HIVE_NULL)?;
                kind.read(value).map(Cow::Owned)
            }
        }
    }
}

impl Predicate {
    /// The opposite of the predicate if `negated`.
    fn negated(self, negated: bool) -> Predicate {
        if negated { Predicate::Not(Box::new(self)) } else { self }
    }

    /// The result of the predicate. `None` for NULL.
    fn evaluate(&self, values: &[String]) -> Option<bool> {
        match self {
            Predicate::All(all) => combine(all, values, false),
            Predicate::Any(any) => combine(any, values, true),
            Predicate::Not(inner) => inner.evaluate(values).map(|result| !result),
            Predicate::Compare(left, op, right) => Some(satisfies(op, left.datum(values)?.cmp(&right.datum(values)?))),
            Predicate::Like(side, regex) => match side.datum(values)?.as_ref() {
                Datum::Text(text) => Some(regex.is_match(text)),
                _ => None,
            },
            Predicate::IsNull(side) => Some(side.datum(values).is_none()),
        }
    }
}

/// SQL's AND (`decisive` is false) or OR (`decisive` is true) of `predicates` on a partition's values. One result equal to
/// `decisive` settles it. Without one, a NULL makes it NULL.
fn combine(predicates: &[Predicate], values: &[String], decisive: bool) -> Option<bool> {
    let mut result = Some(!decisive);
    for predicate in predicates {
        match predicate.evaluate(values) {
            Some(result) if result == decisive => return Some(decisive),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

fn satisfies(op: &BinaryOperator, order: Ordering) -> bool {
    match op {
        BinaryOperator::Eq => order.is_eq(),
        BinaryOperator::NotEq => order.is_ne(),
        BinaryOperator::Lt => order.is_lt(),
        BinaryOperator::LtEq => order.is_le(),
        BinaryOperator::Gt => order.is_gt(),
        _ => order.is_ge(),
    }
}
