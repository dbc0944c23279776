//! JSON objects as a source of the engine's file scan.

use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringBuilder};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use flate2::bufread::MultiGzDecoder;
use futures::{StreamExt, stream};
use object_store::{ObjectStore, ObjectStoreExt};

use super::definition::JsonOptions;
use super::openx::{Decoder, Lines};

/// The number of rows in a batch, unless the engine asks for another.
const BATCH_ROWS: usize = 8192;

/// A source that reads lines and gives the columns that are asked for.
#[derive(Clone)]
pub(super) struct JsonLines {
    schema: TableSchema,
    options: JsonOptions,
    projection: SplitProjection,
    batch_rows: usize,
    metrics: ExecutionPlanMetricsSet,
}

impl JsonLines {
    pub(super) fn new(schema: TableSchema, options: JsonOptions) -> JsonLines {
        let (projection, metrics) = (SplitProjection::unprojected(&schema), ExecutionPlanMetricsSet::new());
        JsonLines { schema, options, projection, batch_rows: BATCH_ROWS, metrics }
    }
}

impl FileSource for JsonLines {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        let schema = Arc::new(self.schema.file_schema().project(&self.projection.file_indices)?);
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        let decoder = Decoder::new(columns, self.options);
        let opener = Arc::new(Opener { store, schema, decoder, batch_rows: self.batch_rows });
        ProjectionOpener::try_new(self.projection.clone(), opener, self.schema.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_rows: usize) -> Arc<dyn FileSource> {
        Arc::new(JsonLines { batch_rows, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> Result<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(JsonLines { projection, ..self.clone() })))
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        "openx_json"
    }

    /// False, because a gzip stream can only be read from its start.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), apply)
    }
}

/// Opens the objects of a scan. Each is fetched whole, and decompressed as its rows are asked for.
struct Opener {
    store: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    decoder: Decoder,
    batch_rows: usize,
}

impl FileOpener for Opener {
    fn open(&self, file: PartitionedFile) -> Result<FileOpenFuture> {
        let store = Arc::clone(&self.store);
        let (schema, decoder, batch_rows) = (Arc::clone(&self.schema), self.decoder.clone(), self.batch_rows);
        Ok(Box::pin(async move {
            let location = &file.object_meta.location;
            let object = store.get(location).await?.bytes().await?;
            let name = format!("{store}/{location}");
            let lines = Lines::new(reader(object, location.as_ref().ends_with(".gz")));
            let batches = Batches { lines, line: 0, name, schema, decoder, batch_rows };
            Ok(stream::iter(batches).boxed())
        }))
    }
}

/// The text of an object. It may consist of several gzip members, as Firehose and `cat` write them.
fn reader(object: Bytes, gzip: bool) -> Box<dyn BufRead + Send> {
    match gzip {
        true => Box::new(BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(object.reader()))),
        false => Box::new(object.reader()),
    }
}

/// The rows of one object in batches. No more is decompressed than is asked for.
struct Batches {
    lines: Lines<Box<dyn BufRead + Send>>,
    line: u64,
    name: String,
    schema: SchemaRef,
    decoder: Decoder,
    batch_rows: usize,
}

impl Batches {
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut columns: Vec<StringBuilder> = self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let mut rows = 0;
        while rows < self.batch_rows {
            let line = self.lines.next_line().map_err(|error| unreadable(&self.name, self.line, &error))?;
            let Some(line) = line else { break };
            (rows, self.line) = (rows + 1, self.line + 1);
            if self.decoder.is_blind() {
                continue;
            }
            let decoded = self.decoder.decode(line, |column, value| columns[column].append_option(value));
            decoded.map_err(|error| unreadable(&self.name, self.line, &io::Error::from(error)))?;
        }
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        Ok((rows > 0).then_some(batch))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.batch().transpose()
    }
}

fn unreadable(name: &str, line: u64, error: &io::Error) -> DataFusionError {
    DataFusionError::Execution(format!("{name} can't be read at or after line {line}: {error}"))
}
