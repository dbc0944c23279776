//! What can be wrong, what each is called, and who can repair it.

use compactor::hour::Published;
use log_format::{Day, Hour};
use serde::{Serialize, Serializer};

/// A difference between what the bucket and the catalog hold and what they say they hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The hour that it is in. `None` if it is in a day, the watermark, the view, the tables or outside of every hour.
    pub hour: Option<Hour>,
    /// The day that it is in, if that is in the table of days. `None` if it is in an hour, or in neither.
    pub day: Option<Day>,
    /// The kind of difference.
    pub difference: Difference,
    /// The object or partition, and what is wrong with it.
    pub what: String,
    /// The attempt whose folder the manifest does not know. `None` for other kinds of differences.
    #[serde(skip)]
    pub attempt: Option<String>,
}

/// What a difference can be in: an hour or a day.
pub(super) trait Place: Published {
    /// True if its partition may be without digests, as an earlier build left it.
    const MAY_LACK_DIGESTS: bool;

    /// The two fields of a finding in it.
    fn place(self) -> (Option<Hour>, Option<Day>);
}

impl Place for Hour {
    const MAY_LACK_DIGESTS: bool = true;

    fn place(self) -> (Option<Hour>, Option<Day>) {
        (Some(self), None)
    }
}

impl Place for Day {
    const MAY_LACK_DIGESTS: bool = false;

    fn place(self) -> (Option<Hour>, Option<Day>) {
        (None, Some(self))
    }
}

impl Finding {
    /// A difference in an hour or a day.
    pub(super) fn of(place: impl Place, difference: Difference, what: String) -> Finding {
        let (hour, day) = place.place();
        Finding { hour, day, difference, what, attempt: None }
    }
}

/// Kinds of differences, in the order of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named in `about`, once for code, table and JSON")]
pub enum Difference {
    InputGone,
    InputReplaced,
    ReplacedTaken,
    InputNew,
    NotCompacted,
    NotRolledUp,
    DayOfOtherHours,
    HourOfDayLost,
    ManifestUnreadable,
    ManifestWrong,
    FileMissing,
    FileCutShort,
    FileChanged,
    FileForeign,
    FileRows,
    CountsWrong,
    RejectedMissing,
    RejectedWrong,
    RowMissing,
    RowForeign,
    RowDoubled,
    DayRows,
    FolderUnknown,
    ObjectStray,
    ObjectOfNoHour,
    PartitionMissing,
    PartitionElsewhere,
    PartitionWithoutSlash,
    PartitionStale,
    PartitionUnknown,
    JsonPartitionMissing,
    JsonPartitionDiffers,
    PartitionDiffers,
    PartitionForeign,
    TableMissing,
    TableDiffers,
    WatermarkMissing,
    WatermarkUnreadable,
    ViewMissing,
    ViewNotOurs,
    ViewOther,
    ViewOfOtherDays,
    ViewDiffers,
    ErrorChanged,
    ReplayGone,
    ReplayDiffers,
    MarkerMissing,
}

/// Who can repair a difference, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// `--repair`, by what the compactor does whenever it visits the hour or the day.
    Visit,
    /// `--repair`, by a new folder: of an hour written from the JSON, of a day from its hours.
    Rewrite,
    /// `--repair`, which retires it; the compactor deletes it a day later.
    Retire,
    /// `--repair`, which keeps a copy of the unreadable manifest and writes the hour or the day anew.
    ReplaceUnreadable,
    /// `--repair`, by moving the watermark and updating the view.
    Watermark,
    /// `--repair`, by making the table or the partition as we define it.
    Define,
    /// `--repair`, by deleting the partition.
    DeletePartition,
    /// A person, in this way.
    ByHand(&'static str),
}

use Remedy::{ByHand, Define, DeletePartition, ReplaceUnreadable, Retire, Rewrite, Visit, Watermark};

impl Difference {
    /// The name of the difference, and who can repair it.
    fn about(self) -> (&'static str, Remedy) {
        match self {
            Difference::InputGone => ("JSON input gone", ByHand(PUT_BACK)),
            Difference::InputReplaced => ("JSON input edited", ByHand(PUT_FORMER_BACK)),
            Difference::ReplacedTaken => ("edit not accepted", ByHand(ACCEPT)),
            Difference::InputNew => ("JSON object not in Parquet", Visit),
            Difference::NotCompacted => ("hour not compacted", Visit),
            Difference::NotRolledUp => ("day not rolled up", Visit),
            Difference::DayOfOtherHours => ("day of other hours", Visit),
            Difference::HourOfDayLost => ("hour of a day lost", ByHand(PUT_HOUR_BACK)),
            Difference::ManifestUnreadable => ("manifest unreadable", ReplaceUnreadable),
            Difference::ManifestWrong => ("manifest wrong", Rewrite),
            Difference::FileMissing => ("file missing", Rewrite),
            Difference::FileCutShort => ("file of another size", Rewrite),
            Difference::FileChanged => ("file changed", Rewrite),
            Difference::FileForeign => ("foreign file in live folder", Rewrite),
            Difference::FileRows => ("file of other rows", Rewrite),
            Difference::CountsWrong => ("counts do not add up", Rewrite),
            Difference::RejectedMissing => ("rejected lines missing", Rewrite),
            Difference::RejectedWrong => ("rejected lines wrong", Rewrite),
            Difference::RowMissing => ("row missing", Rewrite),
            Difference::RowForeign => ("row of no line", ByHand(KEEP_ROW)),
            Difference::RowDoubled => ("row doubled", Rewrite),
            Difference::DayRows => ("day of other rows", Rewrite),
            Difference::FolderUnknown => ("unknown folder", Retire),
            Difference::ObjectStray => ("stray object", ByHand(MOVE_AWAY)),
            Difference::ObjectOfNoHour => ("object of no hour", ByHand(MOVE_INTO_HOUR)),
            Difference::PartitionMissing => ("partition missing", Visit),
            Difference::PartitionElsewhere => ("partition elsewhere", Visit),
            Difference::PartitionWithoutSlash => ("partition without slash", Visit),
            Difference::PartitionStale => ("partition stale", Visit),
            Difference::PartitionUnknown => ("partition of nothing", ByHand(PUT_MANIFEST_BACK)),
            Difference::JsonPartitionMissing => ("JSON partition missing", Define),
            Difference::JsonPartitionDiffers => ("JSON partition differs", Define),
            Difference::PartitionDiffers => ("partition differs", Visit),
            Difference::PartitionForeign => ("foreign partition", DeletePartition),
            Difference::TableMissing => ("table missing", Define),
            Difference::TableDiffers => ("table differs", Define),
            Difference::WatermarkMissing => ("watermark missing", Watermark),
            Difference::WatermarkUnreadable => ("watermark unreadable", Watermark),
            Difference::ViewMissing => ("view missing", Watermark),
            Difference::ViewNotOurs => ("view not ours", ByHand(RENAME_TABLE)),
            Difference::ViewOther => ("view of another watermark", Watermark),
            Difference::ViewOfOtherDays => ("view of other days", Watermark),
            Difference::ViewDiffers => ("view differs", Watermark),
            Difference::ErrorChanged => ("error object changed", ByHand(PUT_ERROR_BACK)),
            Difference::ReplayGone => ("replayed object gone", ByHand(REPLAY_AGAIN)),
            Difference::MarkerMissing => ("marker missing", ByHand(PUT_MARKER_BACK)),
            Difference::ReplayDiffers => ("replayed object differs", ByHand(REPLAY_AGAIN)),
        }
    }

    /// Its name, for tables and JSON alike.
    pub fn name(self) -> &'static str {
        self.about().0
    }

    /// Who can repair it.
    pub fn remedy(self) -> Remedy {
        self.about().1
    }
}

const PUT_BACK: &str = "put the object back as it was, from a version or a copy of the bucket; or carry its deletion \
                        through with `compact --hour HOUR --rewrite`";
const PUT_FORMER_BACK: &str = "nothing here edits an object of the event log: put the former one back, from a version \
                               or a copy of the bucket; or accept this one with `compact --hour HOUR --rewrite`";
const ACCEPT: &str = "somebody wrote over the object after its rows had become live, and its new lines were taken in: compare it \
                      with a version or a copy of the bucket, and put the former one back if it is wrong; then accept \
                      what was taken in with `compact --hour HOUR`";
const KEEP_ROW: &str = "its Parquet is as it was written, so its JSON lost these lines since: put the object back, from a \
                        version or a copy of the bucket; or let the rows go with `compact --hour HOUR --rewrite`";
const MOVE_AWAY: &str = "nothing of ours wrote it and nothing reads it: move it out of the bucket";
const MOVE_INTO_HOUR: &str = "no table reads it: move it to logs/YYYY/MM/DD/HH/ if it holds events, or out of logs/";
const PUT_MANIFEST_BACK: &str = "the folder may be all that is left of its hour, so nothing drops it: put the hour's manifest \
                                 or its objects back, from a version or a copy of the bucket";
const PUT_HOUR_BACK: &str = "the day keeps the rows of the hour, so nothing drops them: put the hour's manifest or its objects \
                             back, from a version or a copy of the bucket";
const RENAME_TABLE: &str = "drop or rename that table, or use another database";
const PUT_ERROR_BACK: &str = "it is not what was replayed: put the former one back, from a version or a copy of the \
                              bucket, and this one under another name";
const PUT_MARKER_BACK: &str = "a replay wrote this object, and what it was made of would be replayed again: put its marker \
                               under replayed/ back, from a version or a copy of the bucket";
const REPLAY_AGAIN: &str = "`replay` writes it again where its marker says, as long as the object under error/ or the \
                            message in its queue is there, and `reconcile --repair` as long as Auth0 has its events; else put \
                            it back from a version or a copy of the bucket";

impl Finding {
    /// What to do about it, as a sentence without a full stop.
    pub fn advice(&self) -> &'static str {
        match (self.difference.remedy(), self.day) {
            (Visit, Some(_)) => "`verify --repair` has the compactor look at the day",
            (Rewrite, Some(_)) => "`verify --repair` rolls the day up again from its hours",
            (ReplaceUnreadable, Some(_)) => "`verify --repair` copies it aside and rolls the day up from its hours",
            (remedy, _) => remedy.of_hours(),
        }
    }
}

impl Remedy {
    /// What to do about a difference in an hour, or in neither an hour nor a day.
    fn of_hours(self) -> &'static str {
        match self {
            Visit => "`verify --repair` has the compactor look at the hour",
            Rewrite => "`verify --repair` writes the hour anew from its JSON",
            Retire => "`verify --repair` retires it; the compactor deletes it a day later",
            ReplaceUnreadable => "`verify --repair` copies it aside and writes the hour anew from its JSON",
            Watermark => "`verify --repair` finds the watermark and makes the view say it",
            Define => "`verify --repair` makes it as we define it",
            DeletePartition => "`verify --repair` deletes it: it gives rows to no hour or day, or to a wrong one",
            ByHand(advice) => advice,
        }
    }
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
