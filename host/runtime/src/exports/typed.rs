//! Calls a function of an interface that a component exports, for another component that imports it.
//!
//! The callee runs in its own instance with its own grants and limits. Values are copied from one memory to the other:
//! resources, streams and futures, which could not be, are refused when the app is loaded.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mecha_primitives::{class::Class, identity::Identity};
use wasmtime::component::{Linker, LinkerInstance, Val, types};

use super::run;
use crate::{
    call::Data,
    component::Component,
    fault::Fault,
    gate::{Need, Operation},
    micrologic::Micrologic,
};

mod matching;

pub use matching::{Mismatch, compare};

/// An interface that a component imports, and who serves it.
#[derive(Clone, Debug)]
pub struct Link {
    /// The import's name, with its version.
    pub import: String,
    /// The callee's export's name, with its version.
    pub export: String,
    pub callee: Arc<dyn Callee>,
}

impl Link {
    /// A link for [`Micrologic::check`], before there is anybody who serves it: calls of it fail.
    #[must_use]
    pub fn unserved(import: &str, export: &str) -> Self {
        Self { import: import.to_owned(), export: export.to_owned(), callee: Arc::new(Nobody) }
    }
}

#[derive(Debug)]
struct Nobody;

#[async_trait]
impl Callee for Nobody {
    async fn call(&self, _: &Arc<Identity>, _: Function<'_>) -> Result<Vec<Val>, Failed> {
        Err(Failed("nobody serves it".into()))
    }
}

/// A function that is called.
#[derive(Debug, Clone, Copy)]
pub struct Function<'a> {
    pub interface: &'a str,
    pub name: &'a str,
    pub params: &'a [Val],
    /// How many results it has: none or one.
    pub results: usize,
}

/// Makes calls of another component: the dispatcher does.
#[async_trait]
pub trait Callee: fmt::Debug + Send + Sync + 'static {
    /// # Errors
    /// Why there is no result, for the caller.
    async fn call(&self, caller: &Arc<Identity>, function: Function<'_>) -> Result<Vec<Val>, Failed>;
}

/// A linked call that gave no result: the caller's call ends with it, unless the function can return a text as an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the linked call failed: {0}")]
pub struct Failed(pub String);

/// Calls the function in an instance of the callee.
///
/// # Errors
/// What ended the call.
pub async fn call(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    function: Function<'_>,
) -> Result<Vec<Val>, Fault> {
    let Function { interface, name, params, results } = function;
    run(micrologic, identity, async |store, instance| {
        let missing = || wasmtime::Error::msg(format!("the component has no function `{interface}#{name}`"));
        let outer = instance.get_export_index(&mut *store, None, interface).ok_or_else(missing)?;
        let inner = instance.get_export_index(&mut *store, Some(&outer), name).ok_or_else(missing)?;
        let function = instance.get_func(&mut *store, inner).ok_or_else(missing)?;
        let mut answers = vec![Val::Bool(false); results];
        function.call_async(&mut *store, params, &mut answers).await?;
        Ok(answers)
    })
    .await
}

/// Puts what serves the links where the caller's imports are.
pub(crate) fn link(linker: &mut Linker<Data>, caller: &Component, links: &[Link]) -> wasmtime::Result<()> {
    for link in links {
        let mut instance = linker.instance(&link.import)?;
        for name in caller.functions_of_import(&link.import) {
            define(&mut instance, link, &name)?;
        }
    }
    Ok(())
}

fn define(instance: &mut LinkerInstance<'_, Data>, link: &Link, name: &str) -> wasmtime::Result<()> {
    let link = link.clone();
    let function: Arc<str> = name.into();
    instance.func_new_async(name, move |store, ty, params, results| {
        let (link, function) = (link.clone(), function.clone());
        Box::new(async move {
            let call = store.data().call.clone();
            let operation = Operation { primitive: "invoke", verb: "link", need: Need::Nothing };
            let mut entered = call
                .enter(operation)
                .await
                .map_err(|refused| wasmtime::Error::new(Failed(format!("refused: {refused:?}"))))?;
            let failed = match weight(params) > call.shared.limits.invoke_payload {
                true => Failed(format!(
                    "the arguments are larger than {} bytes",
                    call.shared.limits.invoke_payload
                )),
                false => {
                    let function =
                        Function { interface: &link.export, name: &function, params, results: results.len() };
                    match link.callee.call(&call.identity, function).await {
                        Ok(values) => {
                            entered.succeed().map_err(|refused| {
                                wasmtime::Error::new(Failed(format!("refused: {refused:?}")))
                            })?;
                            results.iter_mut().zip(values).for_each(|(place, value)| *place = value);
                            return Ok(());
                        }
                        Err(failed) => failed,
                    }
                }
            };
            entered.fail(Class::Internal);
            match (as_error(&ty, &failed), results.first_mut()) {
                (Some(error), Some(result)) => {
                    *result = error;
                    Ok(())
                }
                _ => Err(wasmtime::Error::new(failed)),
            }
        })
    })
}

/// The failure as the function's own error, if that is a text.
fn as_error(ty: &types::ComponentFunc, failed: &Failed) -> Option<Val> {
    match ty.results().next()? {
        types::Type::Result(result) if result.err() == Some(types::Type::String) => {
            Some(Val::Result(Err(Some(Box::new(Val::String(failed.to_string()))))))
        }
        _ => None,
    }
}

/// Bytes of values, about.
#[must_use]
pub fn weight(values: &[Val]) -> u64 {
    values.iter().map(one).sum()
}

fn one(value: &Val) -> u64 {
    let boxed = |value: &Option<Box<Val>>| 1 + value.as_deref().map_or(0, one);
    match value {
        Val::Bool(_) | Val::S8(_) | Val::U8(_) => 1,
        Val::S16(_) | Val::U16(_) => 2,
        Val::S32(_) | Val::U32(_) | Val::Float32(_) | Val::Char(_) => 4,
        Val::String(text) => text.len() as u64,
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => weight(values),
        Val::Map(entries) => entries.iter().map(|(key, value)| one(key) + one(value)).sum(),
        Val::Record(fields) => fields.iter().map(|(_, value)| one(value)).sum(),
        Val::Variant(_, value) | Val::Option(value) => boxed(value),
        Val::Result(Ok(value) | Err(value)) => boxed(value),
        Val::Flags(names) => names.len() as u64,
        _ => 8,
    }
}
