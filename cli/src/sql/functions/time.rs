//! Functions that read and write moments, and calculate with them.

use std::sync::Arc;

use chrono::format::{Parsed, StrftimeItems};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use datafusion::arrow::array::{ArrayRef, Int64Builder, StringBuilder, TimestampMillisecondBuilder};
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::cast::{as_int64_array, as_string_array, as_timestamp_millisecond_array};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ScalarUDF;

const ZONE: &str = "UTC";

pub(super) fn functions() -> Vec<ScalarUDF> {
    // Trino's `timestamp(3) with time zone`.
    let moment = || DataType::Timestamp(TimeUnit::Millisecond, Some(ZONE.into()));
    let local = || DataType::Timestamp(TimeUnit::Millisecond, None);
    let texts = [DataType::Utf8, DataType::Utf8];
    vec![
        super::scalar("from_iso8601_timestamp", &[DataType::Utf8], moment(), |texts| from_iso8601(texts, false)),
        super::scalar("try_from_iso8601_timestamp", &[DataType::Utf8], moment(), |texts| from_iso8601(texts, true)),
        // What `date_format` is rewritten to, whose name the engine has for another function.
        super::scalar("moment_format", &[moment(), DataType::Utf8], DataType::Utf8, date_format),
        super::scalar("date_parse", &texts, local(), |arguments| date_parse(arguments, false)),
        super::scalar("try_date_parse", &texts, local(), |arguments| date_parse(arguments, true)),
        super::scalar("to_iso8601", &[moment()], DataType::Utf8, to_iso8601),
        super::scalar("date_diff", &[DataType::Utf8, moment(), moment()], DataType::Int64, date_diff),
        super::scalar("date_add", &[DataType::Utf8, DataType::Int64, moment()], moment(), date_add),
    ]
}

/// A text that is no moment is null if `leniently`, else an error.
fn from_iso8601(arguments: &[ArrayRef], leniently: bool) -> Result<ArrayRef> {
    let mut moments = TimestampMillisecondBuilder::new().with_timezone(ZONE);
    for text in as_string_array(&arguments[0])? {
        match text.map(|text| string_to_datetime(&Utc, text)).transpose() {
            Err(error) if !leniently => return Err(error.into()),
            moment => moments.append_option(moment.ok().flatten().map(|moment| moment.timestamp_millis())),
        }
    }
    Ok(Arc::new(moments.finish()))
}

/// Reads moments in a form of MySQL's, such as `%Y-%m-%d %H:%i:%s`. A text of another form is null if `leniently`, else
/// an error.
fn date_parse(arguments: &[ArrayRef], leniently: bool) -> Result<ArrayRef> {
    let mut moments = TimestampMillisecondBuilder::new();
    for (text, form) in as_string_array(&arguments[0])?.iter().zip(as_string_array(&arguments[1])?) {
        let (Some(text), Some(form)) = (text, form) else {
            moments.append_null();
            continue;
        };
        match read_moment(text, form) {
            None if !leniently => return exec_err!("{text:?} is no moment of the form {form:?}"),
            moment => moments.append_option(moment),
        }
    }
    Ok(Arc::new(moments.finish()))
}

/// The milliseconds since 1970 of a text in a form of MySQL's. What the form does not name is the first of its kind.
fn read_moment(text: &str, form: &str) -> Option<i64> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, StrftimeItems::new(&form_of_chrono(form, "%f")?)).ok()?;
    let date = parsed
        .to_naive_date()
        .ok()
        .or_else(|| NaiveDate::from_ymd_opt(parsed.year()?, parsed.month().unwrap_or(1), parsed.day().unwrap_or(1)))?;
    // Each of these fails, and changes nothing, where the text has another value.
    if parsed.hour_mod_12().is_none() {
        let _ = parsed.set_hour12(12);
    }
    let _ = parsed.set_ampm(false);
    let _ = parsed.set_minute(0);
    let time = parsed.to_naive_time().ok()?;
    Some(date.and_time(time).and_utc().timestamp_millis())
}

/// Writes moments in a form of MySQL's.
fn date_format(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let moments = as_timestamp_millisecond_array(&arguments[0])?;
    let mut texts = StringBuilder::new();
    for (millis, form) in moments.iter().zip(as_string_array(&arguments[1])?) {
        let moment = millis.and_then(DateTime::<Utc>::from_timestamp_millis);
        let Some((moment, form)) = moment.zip(form) else {
            texts.append_null();
            continue;
        };
        match form_of_chrono(form, "%6f") {
            Some(ours) => texts.append_value(moment.format(&ours).to_string()),
            None => return exec_err!("{form:?} is no form that is known here"),
        }
    }
    Ok(Arc::new(texts.finish()))
}

/// The form of chrono for one of MySQL's. `fraction` is what it has for that of a second after no point.
fn form_of_chrono(form: &str, fraction: &'static str) -> Option<String> {
    let mut ours = String::new();
    let mut letters = form.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => {
                let specifier = letters.next()?;
                // When chrono reads, a point belongs to the fraction.
                let joins = specifier == 'f' && fraction == "%f" && ours.ends_with('.');
                ours.truncate(ours.len() - usize::from(joins));
                ours.push_str(match specifier {
                    'f' if joins => "%.f",
                    'f' => fraction,
                    other => of_chrono(other)?,
                });
            }
            other => ours.push(other),
        }
    }
    Some(ours)
}

fn to_iso8601(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let mut texts = StringBuilder::new();
    for millis in as_timestamp_millisecond_array(&arguments[0])? {
        let moment = millis.and_then(DateTime::<Utc>::from_timestamp_millis);
        texts.append_option(moment.map(|moment| moment.to_rfc3339_opts(SecondsFormat::Millis, true)));
    }
    Ok(Arc::new(texts.finish()))
}

/// The number of whole units from the first moment to the second.
fn date_diff(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let units = as_string_array(&arguments[0])?;
    let (from, to) = (as_timestamp_millisecond_array(&arguments[1])?, as_timestamp_millisecond_array(&arguments[2])?);
    let mut differences = Int64Builder::new();
    for ((unit, from), to) in units.iter().zip(from).zip(to) {
        let unit = unit.map(unit_millis).transpose()?;
        let difference = unit.zip(from).zip(to).map(|((unit, from), to)| to.saturating_sub(from) / unit);
        differences.append_option(difference);
    }
    Ok(Arc::new(differences.finish()))
}

fn date_add(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (units, counts) = (as_string_array(&arguments[0])?, as_int64_array(&arguments[1])?);
    let mut moments = TimestampMillisecondBuilder::new().with_timezone(ZONE);
    for ((unit, count), moment) in units.iter().zip(counts).zip(as_timestamp_millisecond_array(&arguments[2])?) {
        let unit = unit.map(unit_millis).transpose()?;
        let Some(((unit, count), moment)) = unit.zip(count).zip(moment) else {
            moments.append_null();
            continue;
        };
        match unit.checked_mul(count).and_then(|span| moment.checked_add(span)) {
            Some(sum) => moments.append_value(sum),
            None => return exec_err!("date_add of {count} leaves the range of a timestamp"),
        }
    }
    Ok(Arc::new(moments.finish()))
}

fn unit_millis(unit: &str) -> Result<i64> {
    match unit.to_ascii_lowercase().as_str() {
        "millisecond" => Ok(1),
        "second" => Ok(1000),
        "minute" => Ok(60 * 1000),
        "hour" => Ok(3600 * 1000),
        "day" => Ok(24 * 3600 * 1000),
        "week" => Ok(7 * 24 * 3600 * 1000),
        _ => exec_err!("{unit:?} is no unit of fixed length; take millisecond to week, or + INTERVAL for months"),
    }
}

/// What chrono has for a specifier of MySQL's.
fn of_chrono(specifier: char) -> Option<&'static str> {
    Some(match specifier {
        'i' => "%M",
        's' | 'S' => "%S",
        'M' => "%B",
        'm' | 'c' => "%m",
        'd' | 'e' => "%d",
        'h' | 'I' => "%I",
        'H' | 'k' => "%H",
        'T' => "%H:%M:%S",
        'Y' => "%Y",
        'y' => "%y",
        'b' => "%b",
        'p' => "%p",
        'j' => "%j",
        '%' => "%%",
        _ => return None,
    })
}
