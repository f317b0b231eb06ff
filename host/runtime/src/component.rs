//! From bytes to a compiled component, and what it imports and exports.

use std::{fmt, path::Path};

use wasmparser::{Parser, Payload};
use wasmtime::component::{self, types::ComponentItem};

use crate::{
    cache::Cache,
    engine::{Engines, Kind, Metering},
};

/// Why bytes are no component that can be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this is no WebAssembly: it begins with {0}")]
    NotWasm(String),
    #[error(
        "this is a core module, not a component: compile for `wasm32-wasip2`, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    #[error("the text cannot be read:\n{0}")]
    Text(wat::Error),
    #[error("the component is not valid: {0:#}")]
    Invalid(anyhow::Error),
    #[error("{0:#}")]
    Host(anyhow::Error),
}

impl Error {
    /// Says which file the text is from.
    #[must_use]
    pub fn of_file(mut self, path: &Path) -> Self {
        if let Self::Text(error) = &mut self {
            error.set_path(path);
        }
        self
    }
}

/// A compiled component.
#[derive(Debug, Clone)]
pub struct Component {
    pub(crate) inner: component::Component,
    pub imports: Vec<Item>,
    pub exports: Vec<Item>,
    /// Bytes of the component in its binary form.
    pub size: usize,
    /// What tells these bytes from all others: BLAKE3, in hex.
    pub digest: String,
    /// The linear memory that an instance has from its beginning, in bytes; at least.
    pub initial_memory: u64,
    /// Which engine it was compiled for.
    pub kind: Kind,
    /// Why it was not compiled for the pool.
    pub note: Option<String>,
    /// Whether the code came from the cache.
    pub cached: bool,
}

/// An import or export by its name, such as `wasi:http/types@0.2.4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub is_interface: bool,
    /// The functions of an interface.
    pub functions: Vec<String>,
    /// Whether there is nothing behind it that would have to be linked: types are only names.
    pub is_types_only: bool,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Component {
    /// Compiles a component, binary or text, or takes its code from the cache.
    ///
    /// # Errors
    /// [`Error`] says what the bytes are instead.
    pub fn compile(
        engines: &Engines,
        bytes: &[u8],
        metering: Metering,
        cache: Option<&Cache>,
    ) -> Result<Self, Error> {
        let binary = binary(bytes)?;
        match Self::compile_for(engines, &binary, Kind { pooled: true, metering }, cache) {
            Ok(component) => Ok(component),
            Err(why) => {
                // It does not fit the pool, or it is wrong: then the other engine says so too.
                let kind = Kind { pooled: false, metering };
                let mut component = Self::compile_for(engines, &binary, kind, cache)?;
                component.note = Some(format!("does not fit the instance pool: {}", reason(&why)));
                Ok(component)
            }
        }
    }

    fn compile_for(
        engines: &Engines,
        binary: &[u8],
        kind: Kind,
        cache: Option<&Cache>,
    ) -> Result<Self, Error> {
        let engine = engines.get(kind).map_err(Error::Host)?;
        let found = cache.and_then(|cache| cache.load(engine, binary));
        let cached = found.is_some();
        let inner = match found {
            Some(component) => component,
            None => {
                let compiled = component::Component::from_binary(engine, binary)
                    .map_err(|error| Error::Invalid(error.into()))?;
                if let Some(cache) = cache {
                    cache.store(engine, binary, &compiled);
                }
                compiled
            }
        };
        let kinds = inner.component_type();
        let imports = kinds.imports(engine).map(|(name, item)| self::item(engine, name, &item.ty)).collect();
        let exports = kinds.exports(engine).map(|(name, item)| self::item(engine, name, &item.ty)).collect();
        let initial_memory = initial_memory(binary);
        let digest = blake3::hash(binary).to_hex().to_string();
        Ok(Self {
            inner,
            imports,
            exports,
            size: binary.len(),
            digest,
            initial_memory,
            kind,
            note: None,
            cached,
        })
    }

    /// The full name of an import or export, of which an interface is given with or without its version.
    #[must_use]
    pub fn full_name<'i>(items: &'i [Item], interface: &str) -> Option<&'i str> {
        let mut names = items.iter().map(|item| item.name.as_str());
        names.find(|name| *name == interface || name.split('@').next() == Some(interface))
    }

    /// The functions that it imports under this full name.
    pub(crate) fn functions_of_import(&self, import: &str) -> Vec<String> {
        let found = self.imports.iter().find(|item| item.name == import);
        found.map(|item| item.functions.clone()).unwrap_or_default()
    }

    /// Everything that it imports under this full name.
    pub(crate) fn items_of_import(&self, import: &str) -> Vec<(String, ComponentItem)> {
        let engine = self.inner.engine();
        let ty = self.inner.component_type();
        match ty.get_import(engine, import).map(|found| found.ty) {
            Some(ComponentItem::ComponentInstance(instance)) => {
                instance.exports(engine).map(|(name, item)| (name.to_owned(), item.ty)).collect()
            }
            _ => vec![],
        }
    }

    /// One thing of what it exports under this full name.
    pub(crate) fn item_of_export(&self, export: &str, name: &str) -> Option<ComponentItem> {
        let engine = self.inner.engine();
        match self.inner.component_type().get_export(engine, export)?.ty {
            ComponentItem::ComponentInstance(instance) => Some(instance.get_export(engine, name)?.ty),
            _ => None,
        }
    }

    /// Whether it exports this interface, in whatever compatible version.
    #[must_use]
    pub fn exports_interface(&self, interface: &str) -> bool {
        self.exports.iter().any(|item| item.name.split('@').next() == Some(interface))
    }

    /// Whether it imports this interface, in whatever version.
    #[must_use]
    pub fn imports_interface(&self, interface: &str) -> bool {
        self.imports.iter().any(|item| item.name.split('@').next() == Some(interface))
    }
}

/// The largest memory that a core module of a component begins with. (How often modules are instantiated is not looked
/// at: it is said of hardly any component, and calls are limited as they run.)
fn initial_memory(binary: &[u8]) -> u64 {
    let sections = Parser::new(0).parse_all(binary).map_while(Result::ok);
    let memories = sections.filter_map(|section| match section {
        Payload::MemorySection(memories) => memories.into_iter().map_while(Result::ok).map(bytes).max(),
        _ => None,
    });
    memories.max().unwrap_or_default()
}

fn bytes(memory: wasmparser::MemoryType) -> u64 {
    const PAGE: u32 = 16;
    1_u64
        .checked_shl(memory.page_size_log2.unwrap_or(PAGE))
        .unwrap_or(u64::MAX)
        .saturating_mul(memory.initial)
}

/// The last line of a chain of errors says what the matter is.
fn reason(error: &Error) -> String {
    match error {
        Error::Invalid(error) | Error::Host(error) => error.root_cause().to_string(),
        other => other.to_string(),
    }
}

fn item(engine: &wasmtime::Engine, name: &str, item: &ComponentItem) -> Item {
    let (mut functions, mut is_types_only) = (vec![], false);
    if let ComponentItem::ComponentInstance(instance) = item {
        is_types_only = true;
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::Type(_) => continue,
                ComponentItem::ComponentFunc(_) => functions.push(name.to_owned()),
                _ => {}
            }
            is_types_only = false;
        }
    }
    let is_interface = matches!(item, ComponentItem::ComponentInstance(_));
    Item { name: name.to_owned(), is_interface, functions, is_types_only }
}

/// The binary form of a component: what is text is assembled.
fn binary(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    const MAGIC: &[u8] = b"\0asm";
    if bytes.starts_with(MAGIC) {
        // The four bytes behind the magic number: version (16 bits) and layer (16 bits), of which 1 is a component.
        return match bytes.get(4..8) {
            Some([_, _, 1, 0]) => Ok(bytes.to_vec()),
            Some([1, 0, 0, 0]) => Err(Error::CoreModule),
            _ => Err(Error::NotWasm("the magic number of WebAssembly, but no version that is known".into())),
        };
    }
    if std::str::from_utf8(bytes).is_ok_and(looks_like_text) {
        let binary = wat::parse_bytes(bytes).map_err(Error::Text)?.into_owned();
        return self::binary(&binary);
    }
    let start = &bytes[..bytes.len().min(16)];
    Err(Error::NotWasm(if start.is_empty() {
        "nothing: it is empty".into()
    } else {
        format!("`{}`", start.escape_ascii())
    }))
}

fn looks_like_text(text: &str) -> bool {
    text.trim_start().starts_with(['(', ';'])
}
