//! What Athena and the engine have under other names.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use anyhow::{Error, Result, anyhow, bail};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

/// Functions that fail on some values, and those that give NULL instead.
const FALLIBLE: [&str; 3] = ["date_parse", "from_iso8601_timestamp", "json_parse"];

/// Writes `AS array(T)` as the engine's parser wants it: `AS array<T>`.
pub(super) fn types(sql: &str) -> Result<String> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).with_unescape(false).tokenize();
    let mut tokens = tokens.map_err(|error| anyhow!("the statement cannot be read: {error}"))?;
    let said: Vec<usize> = (0..tokens.len()).filter(|at| !matches!(tokens[*at], Token::Whitespace(_))).collect();
    for at in said.windows(5) {
        let [cast_as, array, open, of, close] = [at[0], at[1], at[2], at[3], at[4]];
        let is = |at: usize, keyword| matches!(&tokens[at], Token::Word(word) if word.keyword == keyword);
        let is_array = is(cast_as, Keyword::AS) && is(array, Keyword::ARRAY) && tokens[open] == Token::LParen;
        if is_array && matches!(tokens[of], Token::Word(_)) && tokens[close] == Token::RParen {
            (tokens[open], tokens[close]) = (Token::Lt, Token::Gt);
        }
    }
    Ok(tokens.iter().map(Token::to_string).collect())
}

/// Rewrites names, functions, casts and `CROSS JOIN UNNEST`.
pub(super) fn rewrite(statement: &mut Statement) -> Result<()> {
    super::visit(statement, &mut Rewriter::default())
}

#[derive(Default)]
struct Rewriter {
    /// Names that the statement gives in quotes. Only these are as they are written.
    given: HashSet<String>,
    /// Elements of arrays by the names of their tables, which are no tables here.
    elements: HashMap<String, Vec<String>>,
}

impl VisitorMut for Rewriter {
    type Break = Error;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.given.insert(alias.value.clone());
            }
        }
        match self.unnest(&mut select.from) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<Error> {
        for part in &mut name.0 {
            if let ObjectNamePart::Identifier(name) = part {
                self.fold(name);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Identifier(name) => self.fold(name),
            Expr::CompoundIdentifier(names) => {
                names.iter_mut().for_each(|name| self.fold(name));
                if let [table, column] = names.as_slice()
                    && self.elements.get(&table.value).is_some_and(|columns| columns.contains(&column.value))
                {
                    *expr = Expr::Identifier(column.clone());
                }
            }
            Expr::Function(function) => {
                if let Some(rewritten) = call_of(function) {
                    *expr = rewritten;
                }
            }
            Expr::Cast { expr: value, data_type: DataType::Array(ArrayElemTypeDef::AngleBracket(of)), .. } => {
                if let Some(name) = json_elements(value, of) {
                    *expr = call(name, vec![(**value).clone()]);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter {
    /// Quoted names are looked up in lower case, as all of Athena's are, but for those that the statement gives.
    fn fold(&self, name: &mut Ident) {
        if name.quote_style.is_some() && !self.given.contains(&name.value) && name.value != crate::sql::table::PATH {
            name.value = name.value.to_lowercase();
        }
    }

    /// `t CROSS JOIN UNNEST(a) AS u(x)` becomes `(SELECT t.*, unnest(a) AS x FROM t WHERE cardinality(a) > 0) AS t`.
    fn unnest(&mut self, from: &mut Vec<TableWithJoins>) -> Result<()> {
        let is_unnest = |relation: &TableFactor| matches!(relation, TableFactor::UNNEST { .. });
        // A comma is a join too.
        if let Some(at) = from.iter().skip(1).position(|table| is_unnest(&table.relation)) {
            let unnested = from.remove(at + 1);
            let join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
            let relation = unnested.relation;
            let join = Join { relation, global: false, join_operator };
            from[at].joins.push(join);
            from[at].joins.extend(unnested.joins);
        }
        for table in from.iter_mut() {
            while let Some(at) = table.joins.iter().position(|join| is_unnest(&join.relation)) {
                let join = table.joins.remove(at);
                if at > 0 || !matches!(join.join_operator, JoinOperator::CrossJoin(JoinConstraint::None)) {
                    bail!(
                        "only `table CROSS JOIN UNNEST(array) AS name(column)` is answered here; put it in a subquery"
                    );
                }
                table.relation = self.derived(&table.relation, &join.relation)?;
            }
        }
        Ok(())
    }

    fn derived(&mut self, table: &TableFactor, unnested: &TableFactor) -> Result<TableFactor> {
        let TableFactor::UNNEST { alias: Some(alias), array_exprs, with_ordinality: false, .. } = unnested else {
            bail!("UNNEST needs a name for its column here, as in UNNEST(array) AS t(x), and no ordinality");
        };
        let ([array], [column]) = (array_exprs.as_slice(), alias.columns.as_slice()) else {
            bail!("UNNEST takes one array here, and names one column, as in UNNEST(array) AS t(x)");
        };
        let name = match table {
            TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
                alias.name.to_string()
            }
            TableFactor::Table { name, .. } => name.0.last().map(ToString::to_string).unwrap_or_default(),
            _ => bail!("UNNEST follows a table or a subquery with a name here"),
        };
        self.elements.entry(alias.name.value.clone()).or_default().push(column.name.value.clone());
        let sql = format!(
            "SELECT * FROM (SELECT {name}.*, unnest({array}) AS {} FROM {table} WHERE cardinality({array}) > 0) AS {name}",
            column.name
        );
        let query = parsed(&sql)?;
        match *query.body {
            SetExpr::Select(select) => {
                let table = select.from.into_iter().next().map(|from| from.relation);
                table.ok_or_else(|| anyhow!("UNNEST has no table"))
            }
            _ => bail!("UNNEST has no table"),
        }
    }
}

fn parsed(sql: &str) -> Result<Query> {
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(sql)?;
    Ok(*parser.parse_query()?)
}

/// The engine's way to say what a function of Athena says. `None` if it is the same.
fn call_of(function: &Function) -> Option<Expr> {
    let mut arguments = arguments(function)?;
    let name = function.name.to_string().to_ascii_lowercase();
    let count = arguments.len();
    Some(match (name.as_str(), count) {
        ("if", 2 | 3) => {
            let otherwise = (count == 3).then(|| arguments.remove(2));
            let (result, condition) = (arguments.remove(1), arguments.remove(0));
            case(condition, result, otherwise)
        }
        ("try", 1) => {
            let mut tried = arguments.remove(0);
            let _ = tried.visit(&mut Trier);
            Expr::Nested(Box::new(tried))
        }
        ("concat", 2..) => {
            let mut parts = arguments.into_iter();
            let first = parts.next()?;
            Expr::Nested(Box::new(parts.fold(first, |left, right| binary(left, BinaryOperator::StringConcat, right))))
        }
        ("contains", 2) => match arguments.remove(1) {
            Expr::Cast { expr: ip, data_type, .. } if data_type.to_string().eq_ignore_ascii_case("ipaddress") => {
                call("network_contains", vec![arguments.remove(0), *ip])
            }
            element => call("array_has", vec![arguments.remove(0), element]),
        },
        ("element_at", 2) => match &arguments[1] {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => call("array_element", arguments),
            _ => call("array_element", vec![call("map_extract", arguments), number(1)]),
        },
        ("slice", 3) => {
            let (length, start) = (arguments.remove(2), arguments.remove(1));
            let end = binary(start.clone(), BinaryOperator::Plus, Expr::Nested(Box::new(length)));
            let end = binary(end, BinaryOperator::Minus, number(1));
            call("array_slice", vec![arguments.remove(0), start, end])
        }
        ("regexp_replace", 2) => {
            arguments.extend([text(""), text("g")]);
            call("regexp_replace", arguments)
        }
        ("regexp_replace", 3) => {
            arguments.push(text("g"));
            call("regexp_replace", arguments)
        }
        ("at_timezone", 2) => {
            let (time_zone, timestamp) = (Box::new(arguments.remove(1)), Box::new(arguments.remove(0)));
            Expr::AtTimeZone { timestamp, time_zone }
        }
        _ => return None,
    })
}

/// The function that gives the elements of a JSON array as text. `None` if the value is an array already.
fn json_elements(value: &Expr, of: &DataType) -> Option<&'static str> {
    match (value, of) {
        (_, DataType::JSON) => Some("json_elements"),
        (Expr::Function(function), DataType::Varchar(_)) => {
            function.name.to_string().to_ascii_lowercase().contains("json").then_some("json_texts")
        }
        _ => None,
    }
}

/// Makes of what fails what gives NULL.
struct Trier;

impl VisitorMut for Trier {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Cast { kind, .. } if *kind == CastKind::Cast => *kind = CastKind::TryCast,
            Expr::Function(function) => {
                let name = function.name.to_string().to_ascii_lowercase();
                if FALLIBLE.contains(&name.as_str()) {
                    function.name = ObjectName::from(Ident::new(format!("try_{name}")));
                }
            }
            Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } => {
                **right = call("nullif", vec![(**right).clone(), number(0)]);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The arguments of a function that has nothing but arguments.
fn arguments(function: &Function) -> Option<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else { return None };
    let argument = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    let is_plain = function.filter.is_none() && function.over.is_none() && list.duplicate_treatment.is_none();
    if is_plain { list.args.iter().map(argument).collect() } else { None }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let argument = |expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr));
    Expr::Function(Function {
        name: ObjectName::from(Ident::new(name)),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.into_iter().map(argument).collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

fn case(condition: Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn number(value: u8) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}
