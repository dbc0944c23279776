//! What a tenant says of the parameters, in `auth0-s3-logs.toml`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::question::Question;
use super::values::Value;

/// Values of parameters: for every question that has a parameter of the name, or in a table for one question.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Parameters(toml::Table);

impl Parameters {
    /// The values that are said for `question`. Those in its own table go before the others.
    ///
    /// # Errors
    ///
    /// If a value is not of the parameter's kind.
    pub(crate) fn of(&self, question: &Question) -> Result<BTreeMap<String, Value>> {
        let own = self.0.get(question.name).and_then(toml::Value::as_table);
        let mut values = BTreeMap::new();
        for parameter in &question.parameters {
            let said = own.and_then(|own| own.get(&parameter.name)).or_else(|| self.0.get(&parameter.name));
            let Some(said) = said else { continue };
            let value = parameter.kind.read_toml(said);
            let value = value.with_context(|| format!("the parameter {} of {}", parameter.name, question.name))?;
            values.insert(parameter.name.clone(), value);
        }
        Ok(values)
    }

    /// True if a list that `question` needs has nothing in it.
    ///
    /// # Errors
    ///
    /// If a value is not of the parameter's kind.
    pub(crate) fn lacks_needed(&self, question: &Question) -> Result<bool> {
        let values = self.of(question)?;
        Ok(question.needs.iter().any(|name| !matches!(values.get(name), Some(Value::List(texts)) if !texts.is_empty())))
    }

    /// These, and what `others` say of what these say nothing of.
    pub(crate) fn over(&self, others: &Parameters) -> Parameters {
        let mut all = others.0.clone();
        for (name, said) in &self.0 {
            match (all.get_mut(name), said) {
                (Some(toml::Value::Table(theirs)), toml::Value::Table(own)) => theirs.extend(own.clone()),
                _ => drop(all.insert(name.clone(), said.clone())),
            }
        }
        Parameters(all)
    }

    /// Refuses what no question would look at: a threshold with a slip in its name would never be kept.
    ///
    /// # Errors
    ///
    /// If a name is neither a question's nor a parameter's, or a value is not of the parameter's kind.
    pub(crate) fn check(&self, questions: &[Question]) -> Result<()> {
        for (name, said) in &self.0 {
            let Some(own) = said.as_table() else {
                let known = questions.iter().any(|question| question.parameter(name).is_some());
                ensure!(known, "no question has a parameter {name:?}");
                continue;
            };
            let Some(question) = questions.iter().find(|question| question.name == name) else {
                bail!("there is no question {name:?}");
            };
            own.keys().try_for_each(|parameter| question.named_parameter(parameter).map(drop))?;
        }
        questions.iter().try_for_each(|question| self.of(question).map(drop))
    }
}
