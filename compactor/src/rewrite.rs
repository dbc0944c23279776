//! The third step of an hour: inputs → lines → rows → Parquet, in a folder that is claimed.

use std::collections::HashSet;

use bytes::Bytes;
use log_format::{Hour, layout};
use sha2::{Digest, Sha256};

use crate::WRITER_VERSION;
use crate::bucket::Got;
use crate::decode::{Decoded, Decoder};
use crate::encode::{EncodeError, encode};
use crate::hour::{Compactor, HourError, Run};
use crate::manifest::{Counts, File, Input, Live};
use crate::rows::distinct;

impl Compactor {
    /// Step 3. None where an input is not what was listed any more.
    pub(crate) async fn rewrite(
        &self,
        hour: Hour,
        attempt: &str,
        inputs: Vec<Input>,
        run: &Run,
    ) -> Result<Option<Live>, HourError> {
        let Some(decoded) = self.decode(&inputs).await? else { return Ok(None) };
        let Decoded { chunks, rejected, rejected_file, lines } = decoded;
        if let Some(file) = rejected_file {
            run.clock.may_write()?;
            self.bucket.write(&layout::rejected_key(hour, attempt), file.into()).await?;
        }
        let rows = distinct(chunks).map_err(EncodeError::from)?;
        let counts = Counts {
            lines,
            rows: rows.places.len() as u64,
            duplicates: rows.duplicates,
            collisions: rows.collisions,
            rejected,
        };
        let timestamps = rows.bounds("timestamp");
        let files = match counts.rows {
            0 => Vec::new(),
            _ => {
                let encoded = encode(&rows)?;
                vec![self.write_file(hour, attempt, encoded.bytes, encoded.rows, run).await?]
            }
        };
        self.read_back(&layout::parquet_folder(hour, attempt), &files, &counts).await?;
        let (attempt, committed_at) = (attempt.to_string(), run.clock.now());
        Ok(Some(Live { attempt, committed_at, inputs, files, counts, timestamps, writer_version: WRITER_VERSION }))
    }

    async fn decode(&self, inputs: &[Input]) -> Result<Option<Decoded>, HourError> {
        // Boxed: every future up to main's holds it while an object is read, and its layout is deep.
        let mut decoder = Box::new(Decoder::new(self.limits.decoded_bytes_max));
        for input in inputs {
            match self.bucket.read_if(input).await? {
                Got::Bytes(object) => decoder.push(&input.key, &object)?,
                Got::Changed => return Ok(None),
            }
        }
        Ok(Some(decoder.finish()?))
    }

    async fn write_file(
        &self,
        hour: Hour,
        attempt: &str,
        bytes: Vec<u8>,
        rows: u64,
        run: &Run,
    ) -> Result<File, HourError> {
        let key = format!("{}00000.parquet", layout::parquet_folder(hour, attempt));
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let file = File { key, size: bytes.len() as u64, rows, sha256 };
        run.clock.may_write()?;
        self.bucket.write(&file.key, Bytes::from(bytes)).await?;
        Ok(file)
    }

    /// Readers read the folder, so the folder must hold exactly the outputs, and these every row (C2).
    async fn read_back(&self, folder: &str, files: &[File], counts: &Counts) -> Result<(), HourError> {
        let found: u64 = files.iter().map(|file| file.rows).sum();
        let expected = counts.lines - counts.duplicates - counts.rejected;
        if found != expected {
            return Err(HourError::RowCount { found, expected });
        }
        let listed = self.bucket.list(folder).await?;
        let listed: HashSet<(&str, u64)> = listed.iter().map(|object| (object.key.as_str(), object.size)).collect();
        let written: HashSet<(&str, u64)> = files.iter().map(|file| (file.key.as_str(), file.size)).collect();
        if listed == written { Ok(()) } else { Err(HourError::Folder { folder: folder.to_string() }) }
    }
}
