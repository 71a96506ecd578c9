//! Which tags are the resource's: Zipkin knows no resources, so their attributes are among the
//! tags of each span.

use super::{Tags, take};
use crate::convert::Attributes;
use crate::convert::Value;

/// Names which of the resource's attributes the service's name is.
const NAME_SOURCE: &str = "otlp.service.name.source";

/// Takes out of the tags what the Collector takes for the resource's.
pub(super) fn split_off_resource<'n>(service: &'n str, tags: &mut Tags<'n>) -> Attributes<'n> {
    let source = tags.remove(NAME_SOURCE).filter(|source| !source.is_empty());
    let mut resource = Attributes::default();
    if !service.is_empty() {
        let key = source.unwrap_or("service.name");
        resource.push(key.as_bytes(), Value::Text(service.as_bytes().into()));
    }
    for key in RESOURCE_KEYS {
        if let Some(text) = take(tags, key) {
            resource.push_text(key, text);
        }
    }
    resource.settle();
    resource
}

/// The conventions' resource attributes that the Collector knows as such.
const RESOURCE_KEYS: [&str; 87] = [
    "aws.ecs.cluster.arn",
    "aws.ecs.container.arn",
    "aws.ecs.launchtype",
    "aws.ecs.task.arn",
    "aws.ecs.task.family",
    "aws.ecs.task.revision",
    "aws.eks.cluster.arn",
    "aws.log.group.arns",
    "aws.log.group.names",
    "aws.log.stream.arns",
    "aws.log.stream.names",
    "cloud.account.id",
    "cloud.availability_zone",
    "cloud.platform",
    "cloud.provider",
    "cloud.region",
    "cloud.resource_id",
    "container.id",
    "container.image.name",
    "container.image.tag",
    "container.name",
    "container.runtime",
    "deployment.environment",
    "device.id",
    "device.manufacturer",
    "device.model.identifier",
    "device.model.name",
    "faas.id",
    "faas.instance",
    "faas.max_memory",
    "faas.name",
    "faas.version",
    "host.arch",
    "host.id",
    "host.image.id",
    "host.image.name",
    "host.image.version",
    "host.name",
    "host.type",
    "k8s.cluster.name",
    "k8s.container.name",
    "k8s.container.restart_count",
    "k8s.cronjob.name",
    "k8s.cronjob.uid",
    "k8s.daemonset.name",
    "k8s.daemonset.uid",
    "k8s.deployment.name",
    "k8s.deployment.uid",
    "k8s.job.name",
    "k8s.job.uid",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.node.uid",
    "k8s.pod.name",
    "k8s.pod.uid",
    "k8s.replicaset.name",
    "k8s.replicaset.uid",
    "k8s.statefulset.name",
    "k8s.statefulset.uid",
    "opencensus.exporterversion",
    "opencensus.resourcetype",
    "opencensus.starttime",
    "os.description",
    "os.name",
    "os.type",
    "os.version",
    "process.command",
    "process.command_args",
    "process.command_line",
    "process.executable.name",
    "process.executable.path",
    "process.owner",
    "process.pid",
    "process.runtime.description",
    "process.runtime.name",
    "process.runtime.version",
    "service.instance.id",
    "service.name",
    "service.namespace",
    "service.version",
    "telemetry.auto.version",
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "webengine.description",
    "webengine.name",
    "webengine.version",
];
