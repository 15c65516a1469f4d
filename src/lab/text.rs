//! The texts of hosts in their languages. Nothing may depend on them, which is why there are several.

use serde::Deserialize;

/// The language of a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum Locale {
    /// English.
    #[default]
    #[serde(rename = "en-US")]
    English,
    /// Japanese.
    #[serde(rename = "ja-JP")]
    Japanese,
    /// German.
    #[serde(rename = "de-DE")]
    German,
}

/// A text that every language has. Each line: English, Japanese, German.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $english:literal $japanese:literal $german:literal)*) => {
        /// A text of a host.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Text {
            $($(#[$doc])* $name),*
        }

        impl Locale {
            /// Returns a text in this language.
            pub(super) fn text(self, text: Text) -> &'static str {
                match (text, self) {
                    $(
                        (Text::$name, Self::English) => $english,
                        (Text::$name, Self::Japanese) => $japanese,
                        (Text::$name, Self::German) => $german,
                    )*
                }
            }
        }
    };
}

texts! {
    Machine "Virtual Machine" "仮想マシン" "Virtueller Computer"
    MachineDescription "Microsoft Virtual Machine" "Microsoft Virtual Machine" "Microsoft Virtual Machine"
    HostSystem "Hosting Computer System" "ホスト コンピューター システム" "Hostcomputersystem"
    HostDescription "Microsoft Hosting Computer System" "Microsoft ホスト コンピューター システム" "Microsoft-Hostcomputersystem"
    Fine "Operating normally" "正常稼働中" "Normaler Betrieb"
    Degraded "Degraded" "低下" "Heruntergestuft"
    InService "In service" "稼働中" "In Betrieb"
    CreatingCheckpoint "Creating checkpoint" "チェックポイントを作成中" "Prüfpunkt wird erstellt"
    ApplyingCheckpoint "Applying checkpoint" "チェックポイントを適用中" "Prüfpunkt wird angewendet"
    DeletingCheckpoint "Deleting checkpoint" "チェックポイントを削除中" "Prüfpunkt wird gelöscht"
    WaitingToStart "Waiting to start" "開始を待機中" "Wartet auf Start"
    Merging "Merging disks" "ディスクを結合中" "Datenträger werden zusammengeführt"
    Exporting "Exporting" "エクスポート中" "Wird exportiert"
    Migrating "Migrating" "移行中" "Wird migriert"
    Settings "Virtual Machine Settings" "仮想マシンの設定" "Einstellungen für virtuelle Computer"
    CheckpointSettings "Checkpoint Settings" "チェックポイントの設定" "Prüfpunkteinstellungen"
    HardDisk "Virtual Hard Disk" "仮想ハード ディスク" "Virtuelle Festplatte"
    DiskDrive "Hard Drive" "ハード ドライブ" "Festplatte"
    Point "Reference Point" "参照ポイント" "Referenzpunkt"
    Service "Hyper-V service" "Hyper-V サービス" "Hyper-V-Dienst"
    JobNew "Job is new" "ジョブは新規です" "Der Auftrag ist neu"
    JobStarting "Job is starting" "ジョブを開始しています" "Der Auftrag wird gestartet"
    JobRunning "Job is running" "ジョブは実行中です" "Der Auftrag wird ausgeführt"
    JobSuspended "Job is suspended" "ジョブは中断されています" "Der Auftrag ist angehalten"
    JobStopping "Job is shutting down" "ジョブを終了しています" "Der Auftrag wird beendet"
    JobCompleted "Job is completed" "ジョブは完了しました" "Der Auftrag ist abgeschlossen"
    JobSucceeded "Job completed successfully" "ジョブは正常に完了しました" "Der Auftrag wurde erfolgreich abgeschlossen"
    JobWarnings "Job completed with warnings" "ジョブは警告付きで完了しました" "Der Auftrag wurde mit Warnungen abgeschlossen"
    JobTerminated "Job was terminated" "ジョブは終了されました" "Der Auftrag wurde abgebrochen"
    JobKilled "Job was killed" "ジョブは強制終了されました" "Der Auftrag wurde erzwungen beendet"
    JobFailed "Job failed" "ジョブは失敗しました" "Der Auftrag ist fehlgeschlagen"
    JobOther "Job is in another state" "ジョブは別の状態です" "Der Auftrag hat einen anderen Status"
    JobExportPoint "Exporting Reference Point" "参照ポイントをエクスポートしています" "Referenzpunkt wird exportiert"
    JobExportMachine "Exporting Virtual Machine" "仮想マシンをエクスポートしています" "Virtueller Computer wird exportiert"
    JobCreatePoint "Creating Reference Point" "参照ポイントを作成しています" "Referenzpunkt wird erstellt"
    JobDeletePoint "Deleting Reference Point" "参照ポイントを削除しています" "Referenzpunkt wird gelöscht"
    JobRemoveData "Removing Associated Data" "関連データを削除しています" "Zugehörige Daten werden entfernt"
    JobImport "Importing Reference Point Metadata" "参照ポイントのメタデータをインポートしています" "Metadaten von Referenzpunkten werden importiert"
    JobCheckpoint "Taking Virtual Machine Checkpoint" "仮想マシンのチェックポイントを作成しています" "Prüfpunkt des virtuellen Computers wird erstellt"
    JobDeleteCheckpoint "Deleting Checkpoint" "チェックポイントを削除しています" "Prüfpunkt wird gelöscht"
    JobApplyCheckpoint "Applying Checkpoint" "チェックポイントを適用しています" "Prüfpunkt wird angewendet"
    JobConvert "Converting Checkpoint to Reference Point" "チェックポイントを参照ポイントに変換しています" "Prüfpunkt wird in Referenzpunkt umgewandelt"
    JobState "Changing Virtual Machine State" "仮想マシンの状態を変更しています" "Status des virtuellen Computers wird geändert"
    /// `{0}` is the machine, `{1}` what Windows says, `{2}` its number, `{3}` the machine's GUID.
    ExportFailed "'{0}' failed to export: {1} ('{2}'). (Virtual machine ID {3})" "'{0}' をエクスポートできませんでした: {1} ('{2}')。(仮想マシン ID {3})" "'{0}' konnte nicht exportiert werden: {1} ('{2}'). (ID des virtuellen Computers {3})"
    JobFailedSummary "Failed to perform the operation." "操作を実行できませんでした。" "Der Vorgang konnte nicht ausgeführt werden."
}

impl Locale {
    /// Returns the language tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en-US",
            Self::Japanese => "ja-JP",
            Self::German => "de-DE",
        }
    }

    /// Returns the number of the language, as `Win32_OperatingSystem` has it.
    pub(super) fn lcid(self) -> u32 {
        match self {
            Self::English => 1033,
            Self::Japanese => 1041,
            Self::German => 1031,
        }
    }

    /// Returns the text of a WinRM or WMI number, where this is not English.
    pub(super) fn fault(self, number: u32) -> Option<&'static str> {
        let (japanese, german) = match number {
            5 | 0x8033_8104 => ("アクセスが拒否されました。", "Zugriff verweigert"),
            0x8033_8000 => (
                "WS-Management サービスは要求を処理できません。リソース URI およびセレクターによって識別されるリソースが見つかりません。",
                "Der WS-Verwaltungsdienst kann die Anforderung nicht verarbeiten. Die durch Ressourcen-URI und Selektoren bezeichnete Ressource wurde nicht gefunden.",
            ),
            0x8033_8029 => (
                "WS-Management は OperationTimeout に指定された時間内に操作を完了できません。",
                "Der Vorgang konnte nicht innerhalb der in OperationTimeout angegebenen Zeit abgeschlossen werden.",
            ),
            0x8033_81A6 => (
                "このユーザーの同時操作数が上限に達しました。",
                "Die maximale Anzahl gleichzeitiger Vorgänge für diesen Benutzer wurde überschritten.",
            ),
            0x8033_801B => {
                ("指定された列挙コンテキストは無効です。", "Der angegebene Enumerationskontext ist ungültig.")
            }
            0x8004_1002 => ("見つかりません", "Nicht gefunden"),
            0x8004_1010 => ("無効なクラスです", "Ungültige Klasse"),
            0x8004_100E => ("無効な名前空間です", "Ungültiger Namespace"),
            _ => return None,
        };
        match self {
            Self::English => None,
            Self::Japanese => Some(japanese),
            Self::German => Some(german),
        }
    }

    /// Returns what Windows says of one of its numbers.
    pub(super) fn windows(self, hresult: u32) -> &'static str {
        let [english, japanese, german] = match hresult {
            0x8007_0003 => [
                "The system cannot find the path specified.",
                "指定されたパスが見つかりません。",
                "Das System kann den angegebenen Pfad nicht finden.",
            ],
            0x8007_0005 => [
                "General access denied error",
                "一般的なアクセス拒否エラーです",
                "Allgemeiner Fehler: Zugriff verweigert",
            ],
            0x8007_0020 => [
                "The process cannot access the file because it is being used by another process.",
                "別のプロセスで使用されているため、プロセスはファイルにアクセスできません。",
                "Der Prozess kann nicht auf die Datei zugreifen, da sie von einem anderen Prozess verwendet wird.",
            ],
            0x8007_0035 => [
                "The network path was not found.",
                "ネットワーク パスが見つかりません。",
                "Der Netzwerkpfad wurde nicht gefunden.",
            ],
            0x8007_0050 => ["The file exists.", "ファイルが存在します。", "Die Datei ist vorhanden."],
            0x8007_0070 => [
                "There is not enough space on the disk.",
                "ディスクに十分な空き領域がありません。",
                "Es steht nicht genug Speicherplatz auf dem Datenträger zur Verfügung.",
            ],
            0x8009_030E => [
                "No credentials are available in the security package",
                "セキュリティ パッケージで利用できる資格情報がありません",
                "Im Sicherheitspaket sind keine Anmeldeinformationen verfügbar",
            ],
            0x8004_23F4 => [
                "The writer experienced a non-transient error.",
                "ライターで一時的でないエラーが発生しました。",
                "Der Writer hat einen nicht vorübergehenden Fehler festgestellt.",
            ],
            0xC03A_0029 => [
                "The change tracking identifier is not valid.",
                "変更追跡識別子が無効です。",
                "Der Bezeichner für die Änderungsnachverfolgung ist ungültig.",
            ],
            0xC03A_0030 => [
                "The change tracking information was not found.",
                "変更追跡情報が見つかりませんでした。",
                "Die Informationen zur Änderungsnachverfolgung wurden nicht gefunden.",
            ],
            _ => ["Unspecified error", "エラーを特定できません", "Unbekannter Fehler"],
        };
        match self {
            Self::English => english,
            Self::Japanese => japanese,
            Self::German => german,
        }
    }
}
