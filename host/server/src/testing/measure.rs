//! What cases use, beside what is recorded of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use mecha_manifest::suite::{Case, Suite};
use mecha_runtime::engine::{EXACT, WASMTIME};

use super::{
    bench::Bench,
    case::Run,
    fuel::{
        files, key,
        profile::{Profile, profile},
        recording::{Basis, Measured, Recording},
        written,
    },
    report::words::plural,
    sampler::Stretch,
};

/// What is to be done with what cases use.
#[derive(Debug)]
pub struct Options {
    /// Record it.
    pub bless: bool,
    /// By how much a rebuilt component may use more, in percent.
    pub tolerance: f64,
    /// Write where the fuel went into this folder.
    pub profiles: Option<PathBuf>,
}

/// Measures the cases of one run.
pub struct Measure {
    options: Options,
    file: PathBuf,
    basis: Basis,
    recorded: Option<Recording>,
    measured: Mutex<BTreeMap<String, Measured>>,
}

/// What there is to say of what a case used.
#[derive(Debug, Default)]
pub struct Said {
    /// Why the case fails by it.
    pub wrong: Option<String>,
    pub note: Option<String>,
}

/// Places at which a case is looked at.
const SAMPLES: usize = 200;

impl Measure {
    /// # Errors
    /// If there is a recording that cannot be read.
    pub fn new(bench: &Bench, options: Options) -> anyhow::Result<Self> {
        let file = files::of_app(&bench.loaded.folder);
        let recorded = files::read(&file)?;
        let components = bench.loaded.app.components.iter().zip(&bench.loaded.components);
        let basis = Basis {
            wasmtime: WASMTIME.to_owned(),
            engine: EXACT.to_owned(),
            components: components
                .map(|(meta, component)| (meta.name.to_string(), component.digest.clone()))
                .collect(),
        };
        Ok(Self { options, file, basis, recorded, measured: Mutex::default() })
    }

    /// Measures a case that has passed.
    ///
    /// # Errors
    /// If its profile cannot be written.
    pub fn look(&self, bench: &Bench, suite: &Suite, case: &Case, run: &Run) -> anyhow::Result<Said> {
        let key = key(&suite.file, &case.name);
        let stretch = || Stretch::new(bench, case, &run.seen.calls).by(bench.test(&suite.file));
        // The calls of several lives of a host are not one stretch.
        let profile = || (run.crashes == 0).then(|| profile(&stretch(), SAMPLES));
        if let Some(folder) = &self.options.profiles
            && let Some(profile) = profile()
        {
            written::write(&profile, folder, &key)?;
        }
        let named =
            |profile: Option<Profile>| Measured::new(&run.usage, profile.map(|found| found.by_function()));
        if self.options.bless {
            self.measured.lock().unwrap_or_else(PoisonError::into_inner).insert(key, named(profile()));
            return Ok(Said::default());
        }
        let Some(recorded) = &self.recorded else { return Ok(Said::default()) };
        let judge = |now: &Measured| recorded.judge(&self.basis, &key, now, self.options.tolerance);
        Ok(match judge(&named(None)) {
            None => Said::default(),
            // Which functions it was is worth the time.
            Some(regression) if regression.fails() => {
                let told = judge(&named(profile())).unwrap_or(regression);
                Said { wrong: Some(told.text), note: None }
            }
            Some(regression) => Said { wrong: None, note: Some(regression.text) },
        })
    }

    /// Records what was measured, if that is wanted. `exist` are all cases that there are. What there is to say.
    ///
    /// # Errors
    /// If the recording cannot be written, or not all of what belongs together was measured.
    pub fn finish(&self, exist: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
        if !self.options.bless {
            let stale = self.recorded.iter().flat_map(|recorded| recorded.stale(exist));
            return Ok(stale.map(|(key, regression)| format!("{key}: {regression}")).collect());
        }
        let measured = self.measured.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let count = plural(measured.len(), "case");
        let now = Recording::new(self.basis.clone(), measured);
        let blessed = Recording::blessed(self.recorded.as_ref(), now, exist)?;
        let file = self.file.display();
        Ok(vec![match files::write(&self.file, &blessed)? {
            true => format!("recorded the fuel of {count} in {file}"),
            false => format!("the fuel of {count} is as recorded in {file}"),
        }])
    }
}
