//! Changes what Glue holds, as somebody else would: by its own calls, one field at a time.

use aws_sdk_glue::Client;
use aws_sdk_glue::types::{Partition, PartitionInput, StorageDescriptor, TableInput};
use catalog::ParquetKey;

/// The partition of an hour or a day.
pub async fn partition(glue: &Client, database: &str, table: &str, key: impl ParquetKey) -> Partition {
    let call = glue.get_partition().database_name(database).table_name(table);
    let call = call.set_partition_values(Some(key.values()));
    call.send().await.unwrap().partition.unwrap()
}

/// Changes the storage descriptor of the partition of an hour or a day.
pub async fn alter_partition(
    glue: &Client,
    database: &str,
    table: &str,
    key: impl ParquetKey,
    change: impl FnOnce(&mut StorageDescriptor),
) {
    let found = partition(glue, database, table, key).await;
    let mut storage = found.storage_descriptor.unwrap();
    change(&mut storage);
    let input = PartitionInput::builder().storage_descriptor(storage);
    let input = input.set_values(found.values).set_parameters(found.parameters).build();
    let call = glue.update_partition().database_name(database).table_name(table);
    let call = call.set_partition_value_list(Some(key.values()));
    call.partition_input(input).send().await.unwrap();
}

/// Changes a table or a view.
pub async fn alter_table(glue: &Client, database: &str, name: &str, change: impl FnOnce(&mut TableInput)) {
    let table = glue.get_table().database_name(database).name(name).send().await.unwrap().table.unwrap();
    let mut input = TableInput::builder()
        .name(name)
        .set_owner(table.owner)
        .set_table_type(table.table_type)
        .set_parameters(table.parameters)
        .set_partition_keys(table.partition_keys)
        .set_storage_descriptor(table.storage_descriptor)
        .set_view_original_text(table.view_original_text)
        .set_view_expanded_text(table.view_expanded_text)
        .build()
        .unwrap();
    change(&mut input);
    glue.update_table().database_name(database).table_input(input).send().await.unwrap();
}
