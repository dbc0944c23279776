//! What Athena and the engine have under other names.

use std::collections::HashMap;
use std::ops::ControlFlow;

use anyhow::{Context, Error, Result, bail};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, CaseWhen, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, Select, SelectItem, SetExpr, Statement, TableAlias, TableFactor, TableWithJoins, UnaryOperator, Value,
    VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::statements;

/// Functions that fail on some values, and those that give NULL instead.
const FALLIBLE: [&str; 4] = ["date_parse", "from_iso8601_timestamp", "json_parse", "json_texts"];

/// Writes `AS array(T)` as the engine's parser wants it: `AS array<T>`.
pub(super) fn types(sql: &str) -> Result<String> {
    let mut tokens = statements::tokens(sql)?;
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
    /// Elements of arrays by the names of their tables, which are no tables here.
    elements: HashMap<String, Vec<String>>,
}

impl VisitorMut for Rewriter {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            fold_alias(&mut cte.alias);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                fold(alias);
            }
        }
        match self.unnest(&mut select.from) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<Error> {
        match table {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. } => fold_alias(alias),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<Error> {
        for part in &mut name.0 {
            if let ObjectNamePart::Identifier(name) = part {
                fold(name);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Identifier(name) => fold(name),
            Expr::CompoundIdentifier(names) => {
                names.iter_mut().for_each(fold);
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
            // `substr(x, -2)`
            Expr::Substring { expr: text, substring_from: Some(from), substring_for: None, .. } => {
                if let Expr::UnaryOp { op: UnaryOperator::Minus, expr: count } = from.as_ref() {
                    *expr = call("right", [(**text).clone(), (**count).clone()]);
                }
            }
            Expr::Cast {
                kind, expr: value, data_type: DataType::Array(ArrayElemTypeDef::AngleBracket(of)), ..
            } => {
                if let Some(name) = json_elements(kind, value, of) {
                    *expr = call(name, [(**value).clone()]);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// All names are in lower case, in quotes or not, as Athena looks them up.
fn fold(name: &mut Ident) {
    name.value = name.value.to_lowercase();
}

fn fold_alias(alias: &mut TableAlias) {
    fold(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| fold(&mut column.name));
}

impl Rewriter {
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
                Some(&alias.name)
            }
            TableFactor::Table { name, .. } => name.0.last().and_then(|name| name.as_ident()),
            _ => None,
        };
        let mut name = name.context("UNNEST follows a table or a subquery with a name here")?.clone();
        fold(&mut name);
        let (table_name, mut column) = (alias.name.value.to_lowercase(), column.name.clone());
        fold(&mut column);
        self.elements.entry(table_name).or_default().push(column.value.clone());
        unnested_table(&name, table, array, &column)
    }
}

/// `(SELECT name.*, unnest(array) AS column FROM table WHERE cardinality(array) > 0) AS name`.
fn unnested_table(name: &Ident, table: &TableFactor, array: &Expr, column: &Ident) -> Result<TableFactor> {
    let skeleton = format!("SELECT {name}.*, NULL AS {column} FROM t WHERE NULL > 0");
    let mut query = Parser::new(&GenericDialect {}).try_with_sql(&skeleton)?.parse_query()?;
    let SetExpr::Select(select) = query.body.as_mut() else { bail!("UNNEST has no table") };
    if let Some(SelectItem::ExprWithAlias { expr, .. }) = select.projection.last_mut() {
        *expr = call("unnest", [array.clone()]);
    }
    if let Some(from) = select.from.first_mut() {
        from.relation = table.clone();
    }
    select.selection = Some(binary(call("cardinality", [array.clone()]), BinaryOperator::Gt, number(0)));
    let alias = TableAlias { explicit: true, name: name.clone(), columns: Vec::new(), at: None };
    Ok(TableFactor::Derived { lateral: false, subquery: query, alias: Some(alias), sample: None })
}

/// The engine's way to say what a function of Athena says. `None` if it is the same.
fn call_of(function: &Function) -> Option<Expr> {
    let (name, arguments) = (name_of(function)?, arguments(function)?);
    let plain = of_values(&name, &arguments).or_else(|| of_arrays(&name, &arguments));
    plain.or_else(|| of_moments(&name, &arguments))
}

fn of_values(name: &str, arguments: &[Expr]) -> Option<Expr> {
    Some(match (name, arguments) {
        ("if", [condition, result]) => case(condition, result.clone(), None),
        ("if", [condition, result, otherwise]) => case(condition, result.clone(), Some(otherwise.clone())),
        ("try", [tried]) => {
            let mut tried = tried.clone();
            let _ = tried.visit(&mut Trier);
            Expr::Nested(Box::new(tried))
        }
        ("concat", [first, rest @ ..]) if !rest.is_empty() => {
            let join = |left, right: &Expr| binary(left, BinaryOperator::StringConcat, right.clone());
            Expr::Nested(Box::new(rest.iter().fold(first.clone(), join)))
        }
        // The engine passes over NULL.
        ("greatest" | "least", [first, rest @ ..]) => {
            let is_null = |value: &Expr| Expr::IsNull(Box::new(value.clone()));
            let or = |left, right: &Expr| binary(left, BinaryOperator::Or, is_null(right));
            case(&rest.iter().fold(is_null(first), or), null(), Some(call(name, arguments.to_vec())))
        }
        ("mod", [left, right]) => Expr::Nested(Box::new(binary(left.clone(), BinaryOperator::Modulo, right.clone()))),
        ("regexp_replace", [text, pattern]) => {
            call("regexp_replace", [text.clone(), pattern.clone(), literal(""), literal("g")])
        }
        ("regexp_replace", [text, pattern, by]) => {
            call("regexp_replace", [text.clone(), pattern.clone(), by.clone(), literal("g")])
        }
        _ => return None,
    })
}

fn of_arrays(name: &str, arguments: &[Expr]) -> Option<Expr> {
    Some(match (name, arguments) {
        ("contains", [network, Expr::Cast { expr: ip, data_type, .. }])
            if data_type.to_string().eq_ignore_ascii_case("ipaddress") =>
        {
            call("network_contains", [network.clone(), (**ip).clone()])
        }
        ("contains", [array, element]) => call("array_has", [array.clone(), element.clone()]),
        // A map's keys are texts, and an array's indices are not.
        ("element_at", [map, Expr::Value(key)]) if matches!(key.value, Value::SingleQuotedString(_)) => {
            let values = call("map_extract", [map.clone(), Expr::Value(key.clone())]);
            call("array_element", [values, number(1)])
        }
        ("element_at", [array, index]) => call("array_element", [array.clone(), index.clone()]),
        ("slice", [array, start, length]) => {
            let length = Expr::Nested(Box::new(length.clone()));
            let end = binary(start.clone(), BinaryOperator::Plus, length);
            call("array_slice", [array.clone(), start.clone(), binary(end, BinaryOperator::Minus, number(1))])
        }
        ("array_sort", [array]) => call("array_sort", [array.clone(), literal("ASC"), literal("NULLS LAST")]),
        ("array_position", [_, _]) => call("coalesce", [call(name, arguments.to_vec()), number(0)]),
        ("repeat", [element, count]) => call("array_repeat", [element.clone(), count.clone()]),
        ("split", [text, delimiter]) => call("string_to_array", [text.clone(), delimiter.clone()]),
        _ => return None,
    })
}

fn of_moments(name: &str, arguments: &[Expr]) -> Option<Expr> {
    Some(match (name, arguments) {
        ("at_timezone", [timestamp, time_zone]) => {
            Expr::AtTimeZone { timestamp: Box::new(timestamp.clone()), time_zone: Box::new(time_zone.clone()) }
        }
        ("date_format", [moment, form]) => call("moment_format", [moment.clone(), form.clone()]),
        ("date", [moment]) => cast(moment, DataType::Date),
        ("year" | "month" | "day" | "hour" | "minute" | "second", [moment]) => {
            cast(&call("date_part", [literal(name), moment.clone()]), DataType::BigInt(None))
        }
        _ => return None,
    })
}

/// The function that gives the elements of a JSON array as text. `None` if the value is an array already.
fn json_elements(kind: &CastKind, value: &Expr, of: &DataType) -> Option<&'static str> {
    let is_array = match value {
        Expr::Array(_) => true,
        Expr::Function(function) => {
            name_of(function).is_some_and(|name| name.contains("array") && name != "json_array_get")
        }
        _ => false,
    };
    match (of, kind) {
        (DataType::JSON, _) => Some("json_elements"),
        (DataType::Varchar(None), _) if is_array => None,
        (DataType::Varchar(None), CastKind::Cast) => Some("json_texts"),
        (DataType::Varchar(None), _) => Some("try_json_texts"),
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
                if let Some(name) = name_of(function).filter(|name| FALLIBLE.contains(&name.as_str())) {
                    function.name = ObjectName::from(Ident::new(format!("try_{name}")));
                }
            }
            Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } => {
                **right = call("nullif", [(**right).clone(), number(0)]);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// The name of a function, in lower case. `None` if it is a qualified one.
pub(super) fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [name] => name.as_ident().map(|name| name.value.to_lowercase()),
        _ => None,
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

fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
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

fn case(condition: &Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition: condition.clone(), result }],
        else_result: otherwise.map(Box::new),
    }
}

fn cast(value: &Expr, data_type: DataType) -> Expr {
    let expr = Box::new(value.clone());
    Expr::Cast { kind: CastKind::Cast, expr, data_type, array: false, format: None }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn number(value: u8) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

fn literal(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

fn null() -> Expr {
    Expr::Value(Value::Null.into())
}
