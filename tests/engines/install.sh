#!/bin/sh
# Installs what the tests on Flink and Spark need, once: clusters from PyPI, job servers by Maven (Java 17).
# Into $WEB2SHARDS_ENGINES, by default build/engines of this checkout: jars/, flink/ and spark/. About 2 GB, 5 minutes.
# The job servers are stand-ins of the released ones (beam-runners-flink-1.20-job-server, beam-runners-spark-3-job-server),
# made of Beam's library jars: what runs is the same classes.
# install.sh [WHAT ...]: flink-jar spark-jar flink spark; all of them without arguments.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
to=${WEB2SHARDS_ENGINES:-$root/build/engines}
mkdir -p "$to/jars" "$to/maven"
to=$(cd "$to" && pwd)
python=${PYTHON:-python3}

missing() { echo "$1 is missing: $2" >&2; exit 1; }
command -v java >/dev/null || missing java "install a Java 17 (openjdk-17-jre-headless)"

jar() {  # jar ENGINE ARTIFACT NAME: the shaded jar, built anew when its pom has changed
  if [ -s "$to/jars/$3.jar" ] && cmp -s "$here/jobserver-$1/pom.xml" "$to/maven/$3.xml"; then return; fi
  command -v mvn >/dev/null || missing mvn "install Maven 3.8 or newer"
  echo "building $3.jar with Maven (about a minute, once)"
  rm -rf "$to/maven/$1" && mkdir -p "$to/maven/$1"
  cp "$here/jobserver-$1/pom.xml" "$to/maven/$1/"
  (cd "$to/maven/$1" && mvn -q -B package </dev/null)
  mv "$to/maven/$1/target/$2-1.jar" "$to/jars/$3.jar"
  cp "$here/jobserver-$1/pom.xml" "$to/maven/$3.xml"
  rm -rf "$to/maven/$1"
}

cluster() {  # cluster NAME: an environment of its own, as apache-flink and apache-beam cannot share one
  if cmp -s "$here/$1.lock" "$to/$1/installed.lock"; then return; fi
  echo "installing $1 into $to/$1 (half a minute, once)"
  rm -rf "${to:?}/$1"
  "$python" -m venv "$to/$1"
  pip="$to/$1/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --no-deps"
  $pip -r "$here/build.lock"
  $pip --no-build-isolation -r "$here/$1.lock"
  cp "$here/$1.lock" "$to/$1/installed.lock"
}

exec 9>"$to/install.lock"
if command -v flock >/dev/null; then flock 9; fi  # two checkouts may share the folder
for what in "${@:-all}"; do
  case $what in
    flink-jar) jar flink jobserver-flink-1.20 flink-1.20-job-server ;;
    spark-jar) jar spark jobserver-spark-3 spark-3-job-server ;;
    flink | spark) cluster "$what" ;;
    all)
      jar flink jobserver-flink-1.20 flink-1.20-job-server
      jar spark jobserver-spark-3 spark-3-job-server
      cluster flink
      cluster spark ;;
    *) echo "usage: $0 [flink-jar] [spark-jar] [flink] [spark]" >&2; exit 2 ;;
  esac
done
echo "engines are in $to"
