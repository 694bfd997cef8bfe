declare module "openapi:*" {
  const schema: import("./schema").FormSchema;
  export default schema;
}
