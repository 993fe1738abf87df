"""The FOCUS ServiceCategory of an AWS service.

Sources: the table of the FinOps Foundation's FOCUS converter 1.0.0 (product code -> category), where AWS's own FOCUS
export of a service says another one (FOCUS sample data 1.0: KMS, Step Functions) that one; services younger than that
table by the definitions of FOCUS 1.2, "Service Category". What stands nowhere, as what is bought in the Marketplace,
is Other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OTHER: Final = "Other"

_SERVICES: Final[Mapping[str, str]] = {
    "AI and Machine Learning": """
        AmazonA2I AmazonBedrock AmazonBedrockFoundationModels AmazonBedrockService AmazonCodeWhisperer
        AmazonDevOpsGuru AmazonEI AmazonForecast AmazonFraudDetector AmazonHealthLake AmazonKendra AmazonLex
        AmazonLookoutEquipment AmazonLookoutMetrics AmazonLookoutVision AmazonMonitron AmazonOmics AmazonPersonalize
        AmazonPolly AmazonQ AmazonRekognition AmazonSageMaker AmazonTextract AWSDeepRacer comprehend
        MachineLearningSavingsPlans transcribe translate""",
    "Analytics": """
        AmazonAthena AmazonCloudSearch AmazonES AmazonFinSpace AmazonKinesis AmazonKinesisAnalytics
        AmazonKinesisFirehose AmazonMSK AmazonQuickSight AWSCleanRooms AWSDataExchange AWSGlue AWSGlueElasticViews
        AWSLakeFormation datapipeline ElasticMapReduce""",
    "Business Applications": """
        A4B AmazonChime AmazonChimeBusinessCalling AmazonChimeCallMe AmazonChimeCallMeAMCS AmazonChimeDialin
        AmazonChimeDialInAMCS AmazonChimeFeatures AmazonChimeServices AmazonChimeVoiceConnector AmazonConnect
        AmazonHoneycode AmazonPinpoint AmazonSES AmazonSWF AmazonWAM AmazonWorkDocs AmazonWorkLink AmazonWorkMail
        AmazonWorkSpacesWeb AWSSupplyChain AWSWickr AWSWisdom ContactLensAmazonConnect CustomerProfiles""",
    "Compute": """
        AmazonAppStream AmazonEC2 AmazonECR AmazonECRPublic AmazonECS AmazonEKS AmazonLightsail AmazonStates
        AmazonWorkSpaces AWSAppRunner AWSLambda AWSOutposts ComputeSavingsPlans SimSpaceWeaver VMwareCloudOnAWS""",
    "Databases": """
        AmazonDAX AmazonDocDB AmazonDynamoDB AmazonElastiCache AmazonMCS AmazonMemoryDB AmazonNeptune AmazonRDS
        AmazonRedshift AmazonTimestream DatabaseSavingsPlans""",
    "Developer Tools": """
        AWSAmplify AWSAppSync AWSCodeArtifact AWSCodeCommit AWSCodeDeploy AWSCodePipeline AWSDeviceFarm CodeBuild
        CodeCatalyst CodeGuru""",
    "Identity": "awskms",
    "Integration": """
        Amazon~EventBridge AmazonMQ AmazonMWAA AmazonSNS AppFlow AWSAppFabric AWSEvents AWSQueueService""",
    "Internet of Things": """
        AWSGreengrass AWSIoT AWSIoT1Click AWSIoTAnalytics AWSIoTEvents AWSIoTFleetWise AWSIoTSiteWise
        AWSIoTThingsGraph IoTDeviceDefender IoTDeviceManagement IoTTwinMaker""",
    "Management and Governance": """
        AmazonCloudWatch AmazonGrafana AmazonPrometheus AWSBillingConductor AWSBudgets AWSCloudFormation
        AWSCloudTrail AWSConfig AWSCostExplorer AWSDeveloperSupport AWSEnterpriseOnRamp AWSResilienceHub
        AWSServiceCatalog AWSSupportBusiness AWSSupportEnterprise AWSSystemsManager AWSXRay OpsWorks""",
    "Media": """
        AmazonETS AmazonIVS AmazonKinesisVideo AWSElementalMediaConvert AWSElementalMediaLive
        AWSElementalMediaPackage AWSElementalMediaStore AWSElementalMediaTailor AWSMediaConnect nimble""",
    "Migration": "AWSApplicationMigrationSvc AWSDatabaseMigrationSvc AWSDataSync AWSM2 AWSTransfer",
    "Networking": """
        AmazonApiGateway AmazonCloudFront AmazonRegistrar AmazonRoute53 AmazonVPC AWSCloudMap AWSCloudWAN
        AWSDataTransfer AWSDirectConnect AWSELB AWSGlobalAccelerator AWSNetworkFirewall AWSPrivate5G""",
    "Security": """
        AmazonCognito AmazonCognitoSync AmazonDetective AmazonGuardDuty AmazonInspector AmazonInspectorV2 AmazonMacie
        AmazonSecurityLake AmazonVerifiedPermissions auditmanager AWSCertificateManager AWSDirectoryService AWSFMS
        AWSSecretsManager AWSSecurityHub AWSShield awswaf CloudHSM""",
    "Storage": """
        AmazonEBS AmazonEFS AmazonFSx AmazonGlacier AmazonS3 AmazonS3GlacierDeepArchive AWSBackup
        AWSElasticDisasterRecovery AWSStorageGateway AWSStorageGatewayDeepArchive IngestionServiceSnowball
        SnowballExtraDays""",
}

CATEGORIES: Final[Mapping[str, str]] = {
    service.replace("~", " "): category for category, services in _SERVICES.items() for service in services.split()
}
"""Service code -> ServiceCategory; every other service is `OTHER`."""
