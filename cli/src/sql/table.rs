//! A table of Glue as a table of the engine: partitions are pruned, then their files are listed and read.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result, ScalarValue, exec_datafusion_err};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, FileSource, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use object_store::ObjectMeta;

use super::definition::{Definition, Format, Part};
use super::scan::JsonLines;

/// How much of the end of a Parquet file is read at once, in the hope that it holds the footer. Trino reads as much.
const FOOTER_BYTES: usize = 48 * 1024;

/// Athena's name for the object that a row is read from.
pub(super) const PATH: &str = "$path";

#[derive(Debug)]
pub(super) struct GlueTable {
    definition: Arc<Definition>,
    /// The columns of the files, the partition keys, and the path if it is there.
    schema: TableSchema,
    has_path: bool,
}

impl GlueTable {
    /// With `has_path` it has one column more: where each row is read from.
    pub(super) fn new(definition: Arc<Definition>, has_path: bool) -> GlueTable {
        let columns = Arc::clone(definition.schema.file_schema());
        let keys = definition.schema.table_partition_cols().iter().cloned();
        let path = has_path.then(|| Arc::new(Field::new(PATH, DataType::Utf8, false)));
        let keys = keys.chain(path).collect::<Vec<_>>();
        let schema = TableSchema::builder(columns).with_table_partition_cols(keys).build();
        GlueTable { definition, schema, has_path }
    }

    /// True if the partition values alone decide the filter.
    fn decided_by_partition(&self, filter: &Expr) -> bool {
        let keys = self.definition.schema.table_partition_cols();
        let names: Vec<&str> = keys.iter().map(|key| key.name().as_str()).collect();
        // An uncorrelated subquery has no value yet when partitions are pruned.
        let has_subquery = filter.exists(|expr| Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_))));
        !has_subquery.unwrap_or(true) && expr_applicable_for_cols(&names, filter)
    }

    /// The partitions that pass all filters that their values decide.
    fn pruned(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&Part>> {
        let parts: Vec<&Part> = self.definition.parts.iter().collect();
        let deciding = filters.iter().filter(|filter| self.decided_by_partition(filter)).cloned();
        let (Some(filter), false) = (conjunction(deciding), parts.is_empty()) else { return Ok(parts) };
        let keys = self.definition.keys();
        let values = (0..keys.fields().len())
            .map(|key| ScalarValue::iter_to_array(parts.iter().map(|part| part.values[key].clone())))
            .collect::<Result<Vec<_>>>()?;
        let schema = DFSchema::try_from(Arc::clone(&keys))?;
        let passes = state.create_physical_expr(filter, &schema)?;
        let passes = passes.evaluate(&RecordBatch::try_new(keys, values)?)?.into_array(parts.len())?;
        let passes: &BooleanArray = datafusion::common::cast::as_boolean_array(&passes)?;
        let passed = parts.into_iter().enumerate().filter(|(row, _)| passes.is_valid(*row) && passes.value(*row));
        Ok(passed.map(|(_, part)| part).collect())
    }

    fn source(&self, format: Format) -> Arc<dyn FileSource> {
        let schema = self.schema.clone();
        match format {
            Format::Json(options) => Arc::new(JsonLines::new(schema, options)),
            Format::Parquet => Arc::new(ParquetSource::new(schema).with_metadata_size_hint(FOOTER_BYTES)),
        }
    }
}

#[async_trait]
impl TableProvider for GlueTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match self.decided_by_partition(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut files: BTreeMap<(&str, Format), Vec<PartitionedFile>> = BTreeMap::new();
        for part in self.pruned(state, filters)? {
            let listed = list(state, part, self.has_path).await?;
            files.entry((&part.bucket, part.format)).or_default().extend(listed);
        }
        files.retain(|_, files| !files.is_empty());
        let mut scans: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        for ((bucket, format), files) in files {
            let groups = FileGroup::new(files).split_files(state.config().target_partitions());
            let scan = FileScanConfigBuilder::new(url(bucket)?, self.source(format))
                .with_file_groups(groups)
                .with_projection_indices(projection.cloned())?
                .with_limit(limit);
            scans.push(DataSourceExec::from_data_source(scan.build()));
        }
        match scans.len() {
            0 => Ok(Arc::new(EmptyExec::new(projected(&self.schema(), projection)?))),
            1 => Ok(scans.swap_remove(0)),
            _ => UnionExec::try_new(scans),
        }
    }
}

/// The files that Hive's readers see: directly in the partition's folder, not empty, and not hidden by their name.
async fn list(state: &dyn Session, part: &Part, has_path: bool) -> Result<Vec<PartitionedFile>> {
    let store = state.runtime_env().object_store(url(&part.bucket)?);
    let store = store.map_err(|_| exec_datafusion_err!("there is no bucket {} in the data folder", part.bucket))?;
    let listed = store.list_with_delimiter(Some(&part.folder)).await?;
    let hidden = |name: Option<&str>| name.is_none_or(|name| name.starts_with(['_', '.']));
    let objects = listed.objects.into_iter();
    let file = |object: ObjectMeta| {
        let path = has_path.then(|| ScalarValue::from(format!("s3://{}/{}", part.bucket, object.location)));
        let values = part.values.iter().cloned().chain(path).collect();
        PartitionedFile::new_from_meta(object).with_partition_values(values)
    };
    let mut files: Vec<PartitionedFile> =
        objects.filter(|object| object.size > 0 && !hidden(object.location.filename())).map(file).collect();
    files.sort_by(|left, right| left.object_meta.location.cmp(&right.object_meta.location));
    Ok(files)
}

fn url(bucket: &str) -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(format!("s3://{bucket}"))
}

fn projected(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<SchemaRef> {
    match projection {
        Some(columns) => Ok(Arc::new(schema.project(columns)?)),
        None => Ok(Arc::clone(schema)),
    }
}
