//! `mecha-host test`: runs the tests of an app, once or whenever something changes.

use std::{
    io::IsTerminal as _,
    num::NonZero,
    path::{Path, PathBuf},
    process::Stdio,
};

use mecha_manifest::{self as manifest, App, suite::Suite};

use super::{CacheArgs, build, exit, say};
use crate::{
    clock::SystemClock,
    files::{self, Kind, Source},
    load::Report,
    print::{err, out},
    summary,
    testing::{
        bench::{self, Bench},
        component::{self, TestComponent},
        fuel::{
            self,
            judge::{TOLERANCE, percentage},
        },
        measure::{self, Measure},
        receipts::Receipts,
        report::{
            All,
            json::{self, Json},
            junit::Junit,
            progress::Progress,
            text::{Detail, Text},
            words::plain,
        },
        run::{self, Filter, Options, Runner, id},
        search::Wanted,
        suites::{self, Load},
        trial::Trial,
        watch::{Change, Scope, Watch},
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A manifest, a folder with one, or one of its test files
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only cases with this text in `FILE::CASE`
    filter: Option<String>,
    /// FILTER is all of `FILE::CASE`
    #[arg(long, requires = "filter")]
    exact: bool,
    /// Print which cases there are, without running them
    #[arg(long)]
    list: bool,
    /// How many cases run at the same time. Default: as many as there are cores
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    /// Begin no further case once one has failed
    #[arg(long)]
    fail_fast: bool,
    /// Begin the cases in the order that this number says
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Run again whenever the manifest, a test file, a component or a source changes; build before if need be
    #[arg(long, conflicts_with = "list")]
    watch: bool,
    /// Name the cases that passed, and what they used
    #[arg(long)]
    show_passed: bool,
    /// Print the host calls of every case
    #[arg(long)]
    trace: bool,
    /// Write the results to this file, as JUnit XML
    #[arg(long, value_name = "FILE", conflicts_with = "list")]
    junit: Option<PathBuf>,
    /// Print the results as JSON: a line for each case, and one for the whole
    #[arg(long)]
    json: bool,
    /// Treat warnings about the app as errors
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub more: More,
}

/// What is done with each case beside running it: for who runs it to know.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fuel and receipts")]
pub struct More {
    /// Record what each case uses in `tests/fuel.json`; later runs are compared with it
    #[arg(long, conflicts_with_all = FINDERS)]
    pub bless: bool,
    /// How much more fuel than recorded a case may use if its components were built anew
    #[arg(long, value_name = "PERCENT", default_value_t = TOLERANCE, value_parser = percentage)]
    pub tolerance: f64,
    /// Write a profile of each case's fuel to this folder, for the Firefox profiler and for flame graphs
    #[arg(long, value_name = "DIR", conflicts_with_all = FINDERS)]
    pub profile: Option<PathBuf>,
    /// Write what each call used and reached to this file, for `mecha-host tighten`
    #[arg(long, value_name = "FILE", conflicts_with_all = FINDERS)]
    pub receipts: Option<PathBuf>,
    /// Repeat each case with a crash of the host before and after each host call that changes something
    #[arg(long, help_heading = "Finding faults")]
    pub crash_everywhere: bool,
    /// Repeat each case with each error that each host call can give
    #[arg(long, help_heading = "Finding faults")]
    pub fail_everywhere: bool,
    /// Repeat each case with its calls at once in every order of their host calls
    #[arg(long, help_heading = "Finding faults")]
    pub race_everywhere: bool,
    /// Run again what a token says that one of these has printed, of the case that FILTER names
    #[arg(long, value_name = "TOKEN", requires = "filter", help_heading = "Finding faults")]
    #[arg(conflicts_with_all = ["crash_everywhere", "fail_everywhere", "race_everywhere"])]
    pub replay: Option<String>,
}

/// What they do to a case is not what it uses.
const FINDERS: [&str; 4] = ["crash_everywhere", "fail_everywhere", "race_everywhere", "replay"];

/// Tests that are to be run, and the app that they are of.
pub struct Tests {
    pub source: Source,
    pub app: App,
    /// Cases of components are among them, without steps.
    pub suites: Vec<Suite>,
    pub components: Vec<TestComponent>,
}

/// Makes what runs cases: the app, compiled and linked. If it cannot be, it has said why.
pub fn prepare(args: &Args, tests: &Tests) -> Result<Box<dyn Runner>, u8> {
    let cache = args.cache.open();
    let options = bench::Options { cache: cache.as_ref(), strict: args.strict };
    let mut bench = Bench::new(&tests.source, &options).map_err(|report| {
        summary::report(&report, args.json);
        exit::APP
    })?;
    bench.tests.clone_from(&tests.components);
    let options = measure::Options {
        bless: args.more.bless,
        tolerance: args.more.tolerance,
        profiles: args.more.profile.clone(),
    };
    let measure = Measure::new(&bench, options).map_err(|error| {
        summary::refused(&error, args.json);
        exit::APP
    })?;
    let More { crash_everywhere: crash, fail_everywhere: fail, race_everywhere: race, ref replay, .. } =
        args.more;
    let wanted = Wanted { crash, fail, race, replay: replay.clone() };
    Ok(Box::new(Trial { bench, measure, wanted }))
}

/// Makes what runs the cases. If that cannot be, it has said why, and gives the code to end with.
pub type Prepare<'a> = &'a dyn Fn(&Args, &Tests) -> Result<Box<dyn Runner>, u8>;

/// Runs them, with what reads test files and what runs cases.
pub fn run(args: &Args, load: Load<'_>, prepare: Prepare<'_>) -> u8 {
    if args.watch {
        return match watch(args, load, prepare) {
            Err(code) => code,
        };
    }
    once(args, load, prepare).unwrap_or_else(|code| code)
}

fn once(args: &Args, load: Load<'_>, prepare: Prepare<'_>) -> Result<u8, u8> {
    let tests = gather(args, load)?;
    let filter = args.filter();
    let cases = tests.suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)));
    let meant: Vec<_> = cases.filter(|(suite, case)| filter.selects(suite, case)).collect();
    if let (Some(filter), true) = (&args.filter, meant.is_empty()) {
        let how = if args.exact { "is" } else { "has" };
        let error =
            anyhow::anyhow!("no case {how} `{filter}` as FILE::CASE; `--list` prints which there are");
        summary::refused(&error, args.json);
        return Err(exit::APP);
    }
    if args.list {
        for (suite, case) in &meant {
            match args.json {
                true => out(json::listed(suite, case)),
                false => out(plain(&id(suite, case))),
            }
        }
        return Ok(exit::OK);
    }
    let runner = prepare(args, &tests)?;
    report(args, &tests, filter, &*runner)
}

/// Runs the cases and tells of them.
fn report(args: &Args, tests: &Tests, filter: Filter, runner: &dyn Runner) -> Result<u8, u8> {
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let options =
        Options { filter, jobs, fail_fast: args.fail_fast, shuffle: args.shuffle, clock: &SystemClock };
    let mut progress = Progress::new();
    let mut people = Text::new(progress.stdout(), has_colour(), args.detail());
    let mut programs = Json::new(progress.stdout(), args.trace);
    let mut junit = args.junit.as_ref().map(|_| Junit::new(tests.app.name.as_str()));
    let machine = |error: &anyhow::Error| {
        summary::refused(error, args.json);
        exit::MACHINE
    };
    let receipts = args.more.receipts.as_ref().map(|path| Receipts::create(path, tests.app.name.as_str()));
    let mut receipts = receipts.transpose().map_err(|error| machine(&error))?;
    let mut reports = All(vec![&mut progress]);
    match args.json {
        true => reports.0.push(&mut programs),
        false => reports.0.push(&mut people),
    }
    reports.0.extend(junit.as_mut().map(|junit| junit as _));
    reports.0.extend(receipts.as_mut().map(|receipts| receipts as _));
    let summary = run::run(&tests.suites, &options, runner, &mut reports)
        .map_err(|error| machine(&anyhow::Error::new(error).context("cannot start a thread")))?;
    if let (Some(junit), Some(path)) = (junit, &args.junit) {
        junit.write(path).map_err(|error| machine(&error))?;
    }
    receipts.map_or(Ok(()), Receipts::finish).map_err(|error| machine(&error))?;
    let cases = tests.suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)));
    let exist = cases.map(|(suite, case)| fuel::key(&suite.file, &case.name)).collect();
    let said = runner.finish(&exist).map_err(|error| {
        summary::refused(&error, args.json);
        exit::APP
    })?;
    said.iter().for_each(|line| err(plain(line)));
    Ok(if summary.all_passed() { exit::OK } else { exit::APP })
}

impl Args {
    fn filter(&self) -> Filter {
        match &self.filter {
            None => Filter::All,
            Some(filter) if self.exact => Filter::Exactly(filter.clone()),
            Some(filter) => Filter::Containing(filter.clone()),
        }
    }

    fn detail(&self) -> Detail {
        Detail { passed: self.show_passed, trace: self.trace }
    }

    /// The app, and the one test file that is meant, if one is.
    fn app_and_file(&self) -> (PathBuf, Option<&Path>) {
        let above = |path: &Path| path.parent().map(Path::to_owned);
        let app =
            above(&self.path).filter(|tests| tests.ends_with(suites::FOLDER)).and_then(|tests| above(&tests));
        match app {
            Some(app)
                if (suites::is_test(&self.path) || component::is_test(&self.path))
                    && app.join(manifest::FILE).is_file() =>
            {
                let app = if app.as_os_str().is_empty() { PathBuf::from(".") } else { app };
                (app, Some(&self.path))
            }
            _ => (self.path.clone(), None),
        }
    }
}

/// Colour is for people who can see it, and want to (<https://no-color.org>).
fn has_colour() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !is_set("NO_COLOR")
}

/// Finds the app and reads its tests. What is wrong with either has been said.
fn gather(args: &Args, load: Load<'_>) -> Result<Tests, u8> {
    let refuse = |error: &anyhow::Error| {
        summary::refused(error, args.json);
        exit::APP
    };
    let (path, only) = args.app_and_file();
    let source = files::find(&path).map_err(|error| refuse(&error))?;
    let app = app(&source).map_err(|report| {
        summary::report(&report, args.json);
        exit::APP
    })?;
    let Some(app) = app else {
        let path = path.display();
        let error = anyhow::anyhow!(
            "{path} is a component by itself; tests lie beside a manifest, which `mecha-host inspect {path}` prints"
        );
        return Err(refuse(&error));
    };
    let cache = args.cache.open();
    let components = component::find(&source, cache.as_ref()).map_err(|error| refuse(&error))?;
    let suites = suites::read(&source.folder, &app, load, !components.is_empty());
    let suites = suites.map_err(|error| refuse(&error))?;
    let mut suites = suites.map_err(|wrong| {
        wrong.iter().for_each(|report| summary::report(report, args.json));
        exit::APP
    })?;
    for component in &components {
        suites.push(component.suite().map_err(|error| refuse(&error))?);
    }
    if let Some(name) = only.and_then(Path::file_name) {
        suites.retain(|suite| Path::new(&suite.file).file_name() == Some(name));
        if suites.is_empty() {
            return Err(refuse(&anyhow::anyhow!("there is no {}", args.path.display())));
        }
    }
    Ok(Tests { source, app, suites, components })
}

/// The app of a manifest. Its secrets do not matter: a test brings its own.
fn app(source: &Source) -> Result<Option<App>, Report> {
    let Kind::Manifest { file, text } = &source.kind else { return Ok(None) };
    match manifest::load(file, text, &build::NoSecrets) {
        Ok((app, _)) => Ok(Some(app)),
        Err(problems) => Err(Report { problems, text: text.clone() }),
    }
}

/// Runs them now and after each change, until a signal ends the process.
fn watch(args: &Args, load: Load<'_>, prepare: Prepare<'_>) -> Result<std::convert::Infallible, u8> {
    let (path, _) = args.app_and_file();
    let machine = |error: anyhow::Error| {
        say(&error);
        exit::MACHINE
    };
    let mut source = files::find(&path).map_err(|error| {
        say(&error);
        exit::APP
    })?;
    let mut scope = scope(args, &source);
    let mut watch = Watch::new(&scope).map_err(machine)?;
    let (mut has_built, mut is_built) = (false, true);
    loop {
        if is_built {
            // Whatever is wrong has been said, and may be mended.
            _ = once(args, load, prepare);
        }
        err("\n--- waiting for a change; Ctrl-C ends ---");
        for path in watch.ran(has_built) {
            let path = path.display().to_string();
            err(format_args!("--- {} changes in every run: it is not looked at meanwhile ---", plain(&path)));
        }
        let changed = watch.next();
        err(format_args!("--- {} changed ---\n", plain(&changed.path.display().to_string())));
        source = files::find(&path).unwrap_or(source);
        // Folders that are new are watched before what is in them is built.
        watch.follow(&scope).map_err(machine)?;
        has_built = changed.change == Change::Sources;
        is_built = !has_built || built(&source);
        scope = self::scope(args, &source);
        watch.follow(&scope).map_err(machine)?;
    }
}

/// Runs the build commands. If one fails, it has been said, and there is nothing new to test.
fn built(source: &Source) -> bool {
    // What is wrong with the manifest is said when the tests are run.
    let Ok(Some(app)) = app(source) else { return true };
    // What build tools print does not belong among the results.
    let built = build::commands(&app, &source.folder, || Stdio::from(std::io::stderr()));
    built.inspect_err(say).is_ok()
}

fn scope(args: &Args, source: &Source) -> Scope {
    let components = app(source).ok().flatten().map(|app| app.components).unwrap_or_default();
    let tests = component::files(&source.folder).unwrap_or_default();
    Scope {
        folder: source.folder.clone(),
        manifest: match &source.kind {
            Kind::Manifest { file, .. } => file.into(),
            Kind::Component { path } => path.clone(),
        },
        components: components
            .iter()
            .map(|meta| source.folder.join(&meta.source.value))
            .chain(tests)
            .collect(),
        ignored: [&args.junit, &args.more.profile, &args.more.receipts]
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    }
}

#[cfg(test)]
mod tests;
