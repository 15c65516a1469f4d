use super::super::marks::{failed, kind_of, owner_of, unkept};
use super::super::report::{Failure, Named};
use super::super::unit::Surroundings;
use super::base::base;
use super::plan::BackupPlan;
use super::work::look_first;
use crate::client::Invoke;
use crate::hyperv::{Checkpoint, Mark, Owner};

/// What a backup would ask of the host.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupPreview {
    /// The machine.
    pub machine: Option<Named>,
    /// The group.
    pub group: Option<Named>,
    /// Relative to which point.
    pub base: Option<String>,
    /// Into which directory a backup of it was begun that has not ended. It would be brought to its end first; what
    /// that takes is not foreseen.
    pub open: Option<String>,
    /// What would be asked for, in this order.
    pub steps: Vec<PreviewStep>,
    /// What a person should know of it.
    pub warnings: Vec<String>,
}

/// One thing that a backup would ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewStep {
    /// The method, with the class of its service.
    pub method: String,
    /// The whole message. The checkpoint of the backup has no identifier before it is taken:
    /// [`CHECKPOINT`] stands for it.
    pub envelope: String,
}

/// Stands in messages for the identifier that a host gives the checkpoint when it takes it.
pub const CHECKPOINT: &str = "THE-CHECKPOINT";

/// Looks at everything that a backup looks at, and asks nothing of the host that changes anything. Nothing is written
/// into the ledger either.
pub async fn preview_backup(around: &Surroundings<'_>, plan: &BackupPlan) -> Result<BackupPreview, Failure> {
    let owner = owner_of(around, &plan.what).await?;
    let (kind, id) = (kind_of(&owner), owner.id().to_string());
    let open = around.keeper.with(move |ledger| ledger.open_backup(kind, &id)).await.map_err(unkept)?;
    let open = open.map(|backup| backup.new.directory);
    let mut warnings = Vec::new();
    if open.is_none() {
        look_first(around, &owner, plan, false, &mut warnings).await?;
    }
    let base = base(around, &owner, &plan.base, &mut warnings).await?;
    let mut steps = Vec::new();
    for call in calls(around, &owner, plan, base.as_ref()).await? {
        let envelope = around.host.envelope_of(&call).await.map_err(failed)?;
        steps.push(PreviewStep { method: format!("{}.{}", call.resource.class, call.method), envelope });
    }
    let named = Some(Named { id: owner.id().to_string(), name: owner.name().to_owned() });
    let (machine, group) = match owner {
        Owner::Machine(_) => (named, None),
        Owner::Group(_) => (None, named),
    };
    Ok(BackupPreview { machine, group, base: base.map(|base| base.id().to_owned()), open, steps, warnings })
}

/// Returns the calls of a backup whose every step goes well.
async fn calls(
    around: &Surroundings<'_>,
    owner: &Owner,
    plan: &BackupPlan,
    base: Option<&Mark>,
) -> Result<Vec<Invoke>, Failure> {
    let host = around.host;
    let checkpoint = Checkpoint::of(owner, CHECKPOINT);
    let take = host.create_checkpoint_call(owner, plan.consistency).await.map_err(failed)?;
    let export = host.export_checkpoint_call(owner, &checkpoint, base, &plan.directory).await;
    let convert = host.convert_checkpoint_call(&checkpoint).await.map_err(failed)?;
    Ok(vec![take, export.map_err(failed)?, convert])
}
