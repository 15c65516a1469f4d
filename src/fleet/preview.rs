use super::plan::ExportPlan;
use super::preflight::preflight;
use super::report::{Failure, Named, PointReport};
use super::resolve::resolve;
use super::unit::Surroundings;
use crate::hyperv::{Exported, METHOD};

/// What an export would ask of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// The machine.
    pub machine: Option<Named>,
    /// The group.
    pub group: Option<Named>,
    /// What would be exported.
    pub point: PointReport,
    /// Relative to what.
    pub base: Option<PointReport>,
    /// The method, with the class of its service.
    pub method: String,
    /// The whole message.
    pub envelope: String,
    /// What a person should know of it.
    pub warnings: Vec<String>,
}

/// Looks at everything that an export looks at, and asks nothing of the host that changes anything.
pub async fn preview(around: &Surroundings<'_>, plan: &ExportPlan) -> Result<Preview, Failure> {
    let resolved = resolve(around.host, around.keeper, plan).await?;
    let request = resolved.request;
    let mut warnings = resolved.warnings;
    warnings.extend(preflight(around.host, &request).await?);
    let written = async {
        let call = around.host.export_call(&request).await?;
        around.host.envelope_of(&call).await
    };
    let envelope = written.await.map_err(|error| Failure::from(&error))?;
    let named = Named::new(request.what.subject(), request.what.name());
    let method = format!("{}.{METHOD}", request.what.service());
    let (machine, group, point, base) = match &request.what {
        Exported::Machine { point, base, .. } => {
            (Some(named), None, point.into(), base.as_ref().map(Into::into))
        }
        Exported::Group { points, base, .. } => {
            (None, Some(named), points.into(), base.as_ref().map(Into::into))
        }
    };
    Ok(Preview { machine, group, point, base, method, envelope, warnings })
}
