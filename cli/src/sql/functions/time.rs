//! Functions that read and write ISO 8601, the form of the events' timestamps, and calculate with moments.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
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
    vec![
        super::scalar("from_iso8601_timestamp", &[DataType::Utf8], moment(), from_iso8601),
        super::scalar("to_iso8601", &[moment()], DataType::Utf8, to_iso8601),
        super::scalar("date_diff", &[DataType::Utf8, moment(), moment()], DataType::Int64, date_diff),
        super::scalar("date_add", &[DataType::Utf8, DataType::Int64, moment()], moment(), date_add),
    ]
}

fn from_iso8601(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let mut moments = TimestampMillisecondBuilder::new().with_timezone(ZONE);
    for text in as_string_array(&arguments[0])? {
        let moment = text.map(|text| string_to_datetime(&Utc, text)).transpose()?;
        moments.append_option(moment.map(|moment| moment.timestamp_millis()));
    }
    Ok(Arc::new(moments.finish()))
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
