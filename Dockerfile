# The image is the binary, the certificates of public authorities, and one configuration.
#
#   docker build -t gatehouse .
#   docker run -p 8080:8080 -v "$PWD/gateway.json:/etc/gatehouse/gateway.json" gatehouse
#   docker run -p 8080:8080 -v "$PWD:/etc/krakend" gatehouse run -c /etc/krakend/krakend.json
#   docker run -p 8080:8080 gatehouse demo --listen 0.0.0.0
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /gatehouse .
RUN /gatehouse check --strict --require-auth -c gateway.json

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /gatehouse /gatehouse
COPY gateway.json /etc/gatehouse/gateway.json
WORKDIR /etc/gatehouse
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/gatehouse"]
CMD ["run", "-c", "/etc/gatehouse/gateway.json"]
