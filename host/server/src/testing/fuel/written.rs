//! Profiles for the Firefox profiler and for flame graphs.
//!
//! Both know of time only. In a profile of the Firefox profiler a unit of fuel is a microsecond on the axis, and a sample
//! weighs as much as the fuel that it stands for.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use cap_std::{ambient_authority, fs::Dir};
use fxprof_processed_profile as firefox;
use fxprof_processed_profile::{CategoryColor, CategoryHandle, CpuDelta, FrameFlags, FrameInfo, Timestamp};

use super::profile::{Profile, Sample};

const COLORS: [CategoryColor; 8] = [
    CategoryColor::Blue,
    CategoryColor::Orange,
    CategoryColor::Green,
    CategoryColor::Purple,
    CategoryColor::Yellow,
    CategoryColor::Red,
    CategoryColor::Magenta,
    CategoryColor::Brown,
];
/// The longest file name that comes from a case's.
const LONGEST: usize = 80;

/// Writes both forms into a folder, which is made if it is not there. Gives the files.
///
/// # Errors
/// As the system says.
pub fn write(profile: &Profile, folder: &Path, case: &str) -> anyhow::Result<[PathBuf; 2]> {
    let stem = file_stem(case);
    let names = [format!("{stem}.firefox.json"), format!("{stem}.folded")];
    let texts = [firefox(profile, case)?, folded(profile)];
    Dir::create_ambient_dir_all(folder, ambient_authority())
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let dir = Dir::open_ambient_dir(folder, ambient_authority())
        .with_context(|| format!("cannot open the folder {}", folder.display()))?;
    for (name, text) in names.iter().zip(texts) {
        dir.write(name, text).with_context(|| format!("cannot write {}", folder.join(name).display()))?;
    }
    Ok(names.map(|name| folder.join(name)))
}

/// The processed profile format, as JSON.
///
/// # Errors
/// None that is known of.
pub fn firefox(profile: &Profile, case: &str) -> anyhow::Result<String> {
    let unit = unit(profile);
    let per_sample = profile.samples.first().map_or(1, |sample| sample.weight.max(1));
    let interval = firefox::SamplingInterval::from_nanos(per_sample.saturating_mul(1000));
    let start = firefox::ReferenceTimestamp::from_millis_since_unix_epoch(0.0);
    let mut made = firefox::Profile::new("mecha-host test", start, interval);
    made.set_symbolicated(true);
    let process = made.add_process(&format!("{case} ({})", unit.shown), 1, at(0));
    let thread = made.add_thread(process, 1, at(0), true);
    made.add_initial_visible_thread(thread);
    made.add_initial_selected_thread(thread);

    let frames = profile.samples.iter().flat_map(|sample| &sample.stack);
    let components: BTreeSet<&str> = frames.map(|frame| frame.component.as_str()).collect();
    let mut categories = BTreeMap::<&str, CategoryHandle>::new();
    for (component, color) in components.into_iter().zip(COLORS.iter().cycle()) {
        categories.insert(component, made.add_category(component, *color));
    }

    let mut end = 0_u64;
    for sample in &profile.samples {
        let mut frames = Vec::new();
        for (component, label) in labels(sample) {
            let category = categories.get(component).copied().unwrap_or(CategoryHandle::OTHER);
            frames.push(FrameInfo {
                frame: firefox::Frame::Label(made.intern_string(label)),
                category_pair: category.into(),
                flags: FrameFlags::empty(),
            });
        }
        let stack = made.intern_stack_frames(thread, frames.into_iter());
        let weight = i32::try_from(sample.weight / unit.fuel).unwrap_or(i32::MAX);
        made.add_sample(thread, at(end), stack, CpuDelta::from_micros(sample.weight), weight);
        end = end.saturating_add(sample.weight);
    }
    made.set_thread_end_time(thread, at(end));
    made.set_process_end_time(process, at(end));
    Ok(serde_json::to_string(&made)?)
}

/// A line for each stack, the outermost function first, and its fuel: what tools for flame graphs read.
#[must_use]
pub fn folded(profile: &Profile) -> String {
    let mut stacks = BTreeMap::<String, u64>::new();
    for sample in &profile.samples {
        let labels: Vec<_> = labels(sample).into_iter().map(|(_, label)| label.replace(';', ":")).collect();
        let fuel = stacks.entry(labels.join(";")).or_default();
        *fuel = fuel.saturating_add(sample.weight);
    }
    stacks.iter().map(|(stack, fuel)| format!("{stack} {fuel}\n")).collect()
}

/// A stack from outside in, with each component as the function that calls its own.
fn labels(sample: &Sample) -> Vec<(&str, &str)> {
    let mut labels = Vec::with_capacity(sample.stack.len() + 1);
    let mut within = None;
    for frame in sample.stack.iter().rev() {
        if within != Some(&frame.component) {
            within = Some(&frame.component);
            labels.push((frame.component.as_str(), frame.component.as_str()));
        }
        labels.push((frame.component.as_str(), frame.function.as_str()));
    }
    if labels.is_empty() {
        labels.push(("", "(no stack)"));
    }
    labels
}

fn at(fuel: u64) -> Timestamp {
    Timestamp::from_nanos_since_reference(fuel.saturating_mul(1000))
}

/// In what a sample is weighed: its weight has 31 bits.
struct Unit {
    fuel: u64,
    shown: &'static str,
}

fn unit(profile: &Profile) -> Unit {
    let heaviest = profile.samples.iter().map(|sample| sample.weight).max().unwrap_or(0);
    let units = [(1, "fuel"), (1000, "fuel, in thousands"), (1_000_000, "fuel, in millions")];
    let fits = |(fuel, _): &(u64, _)| heaviest / fuel <= i32::MAX as u64;
    let (fuel, shown) = units.into_iter().find(fits).unwrap_or((1_000_000_000_000, "fuel, in trillions"));
    Unit { fuel, shown }
}

/// A name that is safe on every file system, and of no other case.
fn file_stem(case: &str) -> String {
    let is_plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit();
    let mut stem = String::new();
    for char in case.chars().map(|char| char.to_ascii_lowercase()) {
        match is_plain(char) {
            true => stem.push(char),
            false if stem.is_empty() || stem.ends_with('-') => {}
            false => stem.push('-'),
        }
        if stem.len() >= LONGEST {
            break;
        }
    }
    let digest = blake3::hash(case.as_bytes()).to_hex();
    format!("{}{}{}", stem.trim_end_matches('-'), if stem.is_empty() { "" } else { "-" }, &digest[..8])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{super::frame::Frame, *};

    fn sample(stack: &[(&str, &str)], weight: u64) -> Sample {
        let stack = stack.iter().map(|(component, function)| Frame::new(component, function)).collect();
        Sample { stack, weight }
    }

    fn two_components() -> Profile {
        Profile {
            samples: vec![
                sample(&[("shop", "parse"), ("shop", "handle")], 300),
                sample(&[("pricing", "quote; all"), ("shop", "handle")], 200),
                sample(&[("shop", "parse"), ("shop", "handle")], 100),
                sample(&[], 7),
            ],
        }
    }

    #[test]
    fn folded_stacks_begin_outside() {
        assert_eq!(
            folded(&two_components()),
            "(no stack) 7\nshop;handle;parse 400\nshop;handle;pricing;quote: all 200\n"
        );
        assert_eq!(folded(&Profile::default()), "");
    }

    #[test]
    fn the_firefox_profiler_gets_samples_that_weigh_their_fuel() {
        let text = firefox(&two_components(), "orders / a").unwrap();
        assert_eq!(text, firefox(&two_components(), "orders / a").unwrap(), "it is the same each time");
        let made: Value = serde_json::from_str(&text).unwrap();
        let thread = &made["threads"][0];
        assert_eq!(thread["processName"], "orders / a (fuel)");
        assert_eq!(thread["samples"]["weight"], json!([300, 200, 100, 7]));
        assert_eq!(thread["samples"]["weightType"], "samples");
        assert_eq!(thread["samples"]["timeDeltas"], json!([0.0, 0.3, 0.2, 0.1]));
        assert_eq!(made["meta"]["interval"], json!(0.3));
        assert_eq!(made["meta"]["symbolicated"], true);
        let names: Vec<_> =
            made["meta"]["categories"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
        assert_eq!(names, ["Other", "pricing", "shop"]);
        for name in ["shop", "handle", "parse", "pricing", "quote; all", "(no stack)"] {
            assert!(text.contains(&format!("\"{name}\"")), "{name}");
        }
    }

    #[test]
    fn fuel_beyond_what_a_sample_may_weigh_is_counted_in_thousands_or_millions() {
        for (weight, shown, weighs) in [
            (i32::MAX as u64, "fuel", i32::MAX),
            (5_000_000_000, "fuel, in thousands", 5_000_000),
            (5_000_000_000_000, "fuel, in millions", 5_000_000),
            (u64::MAX, "fuel, in trillions", 18_446_744),
        ] {
            let heavy = Profile { samples: vec![sample(&[("shop", "f")], weight), sample(&[], weight)] };
            let made: Value = serde_json::from_str(&firefox(&heavy, "x").unwrap()).unwrap();
            assert_eq!(made["threads"][0]["processName"], format!("x ({shown})"));
            assert_eq!(made["threads"][0]["samples"]["weight"], json!([weighs, weighs]));
        }
    }

    #[test]
    fn file_names_are_safe_and_of_one_case_each() {
        for (case, shown) in [
            ("orders / an order is taken", "orders-an-order-is-taken-"),
            ("../../etc/passwd", "etc-passwd-"),
            ("Ü", ""),
            ("", ""),
            ("a\0b\nc", "a-b-c-"),
        ] {
            let stem = file_stem(case);
            assert_eq!(&stem[..stem.len() - 8], shown);
        }
        assert_ne!(file_stem("a b"), file_stem("a-b"));
        assert_ne!(file_stem("A"), file_stem("a"));
        assert_eq!(file_stem(&"x".repeat(10_000)).len(), LONGEST + 9);
    }

    #[test]
    fn both_forms_are_written_into_a_folder_that_is_made() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        let files = write(&two_components(), &folder, "../x").unwrap();
        for file in &files {
            assert_eq!(file.parent(), Some(folder.as_path()));
        }
        assert_eq!(crate::files::read(&files[1]).unwrap(), folded(&two_components()).into_bytes());
        assert!(crate::files::read(&files[0]).unwrap().starts_with(b"{"));
    }
}
