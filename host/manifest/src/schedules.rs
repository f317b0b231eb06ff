//! The app's `schedules`.

use mecha_primitives::{delivery::Retry, name};

use crate::{
    app::{Due, Missed, Schedule, Span, Spanned},
    crons,
    facts::Facts,
    headers,
    read::{Fields, Item, Reader},
    retry,
    wrong::Wrong,
};

pub(crate) const KEYS: &[&str] =
    &["cron", "every", "time-zone", "to", "data", "content-type", "missed", "retry", "atomic"];

const MISSED: &[(&str, Missed)] =
    &[("skip", Missed::Skip), ("run-once", Missed::RunOnce), ("run-all", Missed::RunAll)];
const MAX_DATA: usize = 64 << 10;
const TEXT: &str = "text/plain; charset=utf-8";

pub(crate) fn read(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<Schedule> {
    let name: Option<name::Schedule> = reader.key_name(key, item, "a schedule");
    let fields = reader.fields(item, KEYS)?;
    let due = due(reader, &fields, item, key.at);
    let to = reader.require(&fields, key.at, "to", "write the component that has the job, as in `to: web`");
    let to = to.and_then(|item| facts.trigger(reader, &item));
    let data = fields.get("data").and_then(|item| reader.parse(&item, data));
    let content_type = fields.get("content-type").map(|item| reader.parse(&item, headers::content_type));
    if let (None, Some(at)) = (fields.get("data"), fields.key_at("content-type")) {
        let wrong = Wrong::new("a `content-type` of no data");
        reader.error(at, item.key.as_str(), wrong.help("add `data`, or leave it out"));
    }
    let missed = fields.or("missed", Missed::RunOnce, |item| reader.choice(item, "way to make up", MISSED));
    let retry = fields.or("retry", Retry::default(), |item| retry::read(reader, item, Retry::default()));
    let atomic = fields.or("atomic", None, |item| reader.flag(item).map(Some));
    let content_type = content_type.unwrap_or_else(|| data.as_ref().map(|_| TEXT.to_owned()));
    Some(Schedule {
        name: name?,
        due: due?,
        to: to?,
        data,
        content_type,
        missed: missed?,
        retry: retry?,
        atomic: atomic?,
        at: key.at,
    })
}

fn due(reader: &mut Reader<'_>, fields: &Fields<'_>, item: &Item<'_>, at: Span) -> Option<Due> {
    const ONE: &str = "a schedule has one of `cron` and `every`";
    match (fields.get("cron"), fields.get("every")) {
        (Some(cron), None) => {
            let expression = reader.words_at(&cron, "write five fields, as in `cron: \"*/5 * * * *\"`");
            let zone = fields.get("time-zone");
            let utc = Spanned { value: crons::UTC.to_owned(), at: cron.at() };
            let time_zone = zone.map_or(Some(utc), |item| {
                reader.words_at(&item, "write an IANA name, as in `time-zone: Europe/Berlin`")
            });
            let (expression, time_zone) = (expression?, time_zone?);
            reader.accept(&cron, crons::check(&expression.value, &time_zone.value))?;
            Some(Due::Cron { expression, time_zone })
        }
        (None, Some(every)) => {
            if let Some(at) = fields.key_at("time-zone") {
                let wrong = Wrong::new("a `time-zone` with `every`");
                let help = "an interval is the same in every time zone; it is for `cron`";
                reader.error(at, item.key.as_str(), wrong.help(help));
            }
            reader.duration(&every).map(Due::Every)
        }
        (Some(_), Some(_)) => {
            let wrong = Wrong::new("the schedule has both `cron` and `every`");
            reader.error(fields.key_at("every").unwrap_or(at), item.key.as_str(), wrong.help(ONE));
            None
        }
        (None, None) => {
            let wrong = Wrong::new("the schedule is never due");
            reader.error(at, item.key.as_str(), wrong.help(ONE));
            None
        }
    }
}

fn data(text: &str) -> Result<String, Wrong> {
    if text.len() > MAX_DATA {
        return Err(Wrong::new(format!("data of {} bytes", text.len())).help("at most 64 KiB"));
    }
    Ok(text.to_owned())
}
