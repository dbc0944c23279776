//! The monitoring template watches every metric under its name, and nothing else.

use std::collections::BTreeSet;

use telemetry::metrics::{ALL, DIMENSION, NAMESPACE};

const TEMPLATE: &str = include_str!("../../../templates/monitoring.yaml");

/// The names of our metrics in the template: in alarms, each after its namespace, and in the dashboard's widgets.
fn watched() -> BTreeSet<&'static str> {
    let lines: Vec<&str> = TEMPLATE.lines().map(str::trim).collect();
    let namespace = format!("Namespace: {NAMESPACE}");
    let pairs = lines.windows(2).filter(|pair| pair[0] == namespace);
    let of_alarms = pairs.map(|pair| pair[1].strip_prefix("MetricName: ").unwrap());
    let widget = format!("[\"{NAMESPACE}\", \"");
    let in_widgets = lines.iter().filter_map(|line| line.strip_prefix(widget.as_str()));
    let of_widgets = in_widgets.map(|rest| {
        let (name, rest) = rest.split_once("\", \"").unwrap();
        assert!(rest.starts_with(DIMENSION), "{name} has the dimension that it is emitted with");
        name
    });
    of_alarms.chain(of_widgets).collect()
}

#[test]
fn every_metric_is_watched_and_every_watched_metric_is_emitted() {
    assert_eq!(watched(), ALL.iter().map(|metric| metric.name).collect());
}

#[test]
fn every_alarm_says_where_and_goes_somewhere() {
    let alarms: Vec<&str> = TEMPLATE.split("Type: AWS::CloudWatch::Alarm\n").skip(1).collect();
    assert_eq!(alarms.len(), 20);
    for alarm in alarms {
        let alarm = alarm.split("\n\n").next().unwrap();
        assert!(alarm.contains("AlarmDescription: >-\n        Where: "), "{alarm}");
        assert!(alarm.contains("AlarmActions: [!Ref Topic]"), "{alarm}");
        assert!(alarm.contains("TreatMissingData: "), "{alarm}");
    }
}

/// The operations manual has a section for each alarm, under the name that the alarm's mail has.
#[test]
fn every_alarm_is_explained() {
    let manual = include_str!("../../../docs/operations.md");
    for alarm in TEMPLATE.split("AlarmName: !Sub \"${NamePrefix}: ").skip(1) {
        let name = alarm.split('"').next().unwrap();
        assert!(manual.contains(&format!("\n### {name}\n")), "docs/operations.md has no section \"### {name}\"");
    }
}
